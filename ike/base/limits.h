// Every limit of the engine in one place, with its unit and its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace ipsec::limits {

// --- Messages ---

// bytes. A UDP payload cannot be longer; RFC 7296 2 asks for 3000 at least.
inline constexpr std::size_t kMessageBytes = 65'535;
// payloads. The fullest honest message (IKE_AUTH with certificates, CP and notifies) has about 30.
inline constexpr std::size_t kPayloadsPerMessage = 64;
// proposals in one SA payload. strongSwan's widest default sends 4; pinned lists of ours up to 16.
inline constexpr std::size_t kProposals = 32;
// transforms in one proposal. All of the registry together is about 40.
inline constexpr std::size_t kTransformsPerProposal = 96;
// attributes in one transform: one is defined.
inline constexpr std::size_t kAttributesPerTransform = 8;
// selectors in one TS payload; the length field's own maximum, since 10 rules x 50 ranges exceed
// it.
inline constexpr std::size_t kSelectors = 255;
// SPIs in one Delete payload.
inline constexpr std::size_t kSpisPerDelete = 512;
// items in one configuration payload.
inline constexpr std::size_t kConfigurationItems = 64;
// bytes. RFC 7296 3.9.
inline constexpr std::size_t kNonceBytesMin = 16;
inline constexpr std::size_t kNonceBytesMax = 256;
// bytes. RFC 7296 2.6: a cookie is 1 to 64 bytes.
inline constexpr std::size_t kCookieBytesMax = 64;

// --- Fragments (RFC 7383) ---

// pieces of one message: 64 KiB in the smallest pieces anyone sends (576-byte packets).
inline constexpr std::size_t kFragments = 128;
// bytes of one reassembled message.
inline constexpr std::size_t kReassembledBytes = 65'535;

// --- Opening an SA ---

// How long one cookie secret is used before the next is drawn; the one before stays valid.
inline constexpr std::chrono::seconds kCookieSecretAge{60};
// half-open SAs as responder above which a cookie is asked for: honest traffic rarely has as many
// handshakes in flight, and each costs a Diffie-Hellman.
inline constexpr std::size_t kCookieThreshold = 64;
// half-open SAs as responder at most; 10,000 tunnels that come back at once must get in.
inline constexpr std::size_t kHalfOpen = 20'000;
// half-open SAs as responder of one configured peer, for each of the tunnels its address may stand
// for: in the 30 s that one is kept an initiator makes three tries of 12 s, and may restart once.
// So a hub begins all its tunnels at once, and one noisy peer leaves the room of all others alone.
inline constexpr std::size_t kHalfOpenPerTunnel = 4;
// half-open SAs as responder at most from one address that no tunnel names, where tunnels take any:
// a NAT with that many tunnels behind it begins them in two goes.
inline constexpr std::size_t kHalfOpenPerStranger = 2'000;
// half-open SAs as responder at most from all such addresses: the rest of kHalfOpen is for peers
// whose address is configured.
inline constexpr std::size_t kHalfOpenStrangers = 15'000;
// How long a responder keeps a half-open SA: the initiator's 12 s try, twice, and some.
inline constexpr std::chrono::seconds kHalfOpenAge{30};
// COOKIE and INVALID_KE_PAYLOAD answers that one opening follows.
inline constexpr int kInitRestarts = 5;
// keys tried for one IKE_AUTH from an any-address peer with an identity that several tunnels share.
inline constexpr std::size_t kKeysTried = 64;

// --- The engine ---

// SAs ticked in one call: thousands may be due at once after a pause, and packets must not wait for
// all.
inline constexpr int kTicksPerTurn = 64;
// Refusals a second, in all, of messages that nothing protects: INVALID_IKE_SPI,
// INVALID_MAJOR_VERSION, NO_PROPOSAL_CHOSEN and UNSUPPORTED_CRITICAL_PAYLOAD in clear go to anyone
// who asks, at any address he says is his (RFC 7296 2.21). COOKIE and INVALID_KE_PAYLOAD are not
// among them: 10,000 tunnels that come back at once need theirs, and neither is longer than what it
// answers.
inline constexpr int kClearRefusalsPerSecond = 50;

// --- Tries (rulings on M83, M84) ---

inline constexpr int kTriesUntilFailed = 3;
inline constexpr std::chrono::seconds kRetryInterval{12};
// After a refusal in the first three tries: soon, but not at once.
inline constexpr std::chrono::seconds kRefusedRetry{2};

// --- An established SA ---

// Old inbound SAs stay for packets still on the way.
inline constexpr std::chrono::seconds kInboundLinger{5};
// After TEMPORARY_FAILURE (RFC 7296 2.25), with up to half of it subtracted at random.
inline constexpr std::chrono::seconds kTemporaryFailureRetry{6};
// The side that won a collision, or answered a rekey, waits this long for the other's Delete.
inline constexpr std::chrono::seconds kAwaitDelete{30};
// NAT keepalives (RFC 3948 4): mappings of UDP live 30 s at the least.
inline constexpr std::chrono::seconds kNatKeepalive{20};
// children of one IKE SA: 10 rules x 50 ranges if a peer takes one pair a child, and rekeys.
inline constexpr std::size_t kChildrenPerSa = 1'024;
// queued tasks of one SA.
inline constexpr std::size_t kTasksPerSa = 2'048;

}  // namespace ipsec::limits
