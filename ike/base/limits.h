// Every limit of the engine in one place, with its unit and its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

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
// bytes of a token of crash detection. RFC 6290 4.1.
inline constexpr std::size_t kCrashTokenBytesMin = 16;
inline constexpr std::size_t kCrashTokenBytesMax = 128;

// --- Messages of IKEv1: what differs from the above ---

// proposals in one SA payload. Some peers write one for each cipher where others write transforms,
// and with compression each of them counts twice.
inline constexpr std::size_t kV1Proposals = 64;
// transforms in one proposal; the count field's own maximum, since every combination is a transform
// of its own.
inline constexpr std::size_t kV1TransformsPerProposal = 255;
// attributes in one transform: 14 are defined, and there are private ones.
inline constexpr std::size_t kV1AttributesPerTransform = 32;
// transforms that we offer in phase 1, of 40 bytes each: 960 bytes, so that the first message with
// its vendor ids (6 of 20 bytes) stays under 1,200. Nothing but IP can fragment it, and there are
// routers that lose the pieces.
inline constexpr std::size_t kV1IkeTransforms = 24;
// transforms that we offer in phase 2, of 32 to 52 bytes: with KE payloads up to MODP 2048 the
// message fits a packet of 1,500 bytes.
inline constexpr std::size_t kV1ChildTransforms = 20;
// bytes of a nonce. RFC 2409 5; the most is kNonceBytesMax.
inline constexpr std::size_t kV1NonceBytesMin = 8;
// bytes behind the last payload of a decrypted message: up to a block by RFC 2409, appendix B;
// peers that hide the length put a random amount there, which they count in the last byte.
inline constexpr std::size_t kV1PaddingBytes = 255;
// bytes behind the last payload of a message in clear: some peers fill up to four octets.
inline constexpr std::size_t kV1ClearPaddingBytes = 3;

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
// IKEv1, which knows no cookie before there is an SA: half-open SAs as responder at most of
// addresses that no tunnel names and that have not shown yet that they receive. They are no part of
// kHalfOpenStrangers, and the oldest gives way to the next: at 5,000 a second each is there for
// half a second, in which an honest peer answers.
inline constexpr std::size_t kHalfOpenUnproven = 2'500;
// IKEv1, aggressive mode: Diffie-Hellmans a second for peers that have not shown that they receive.
// 500 take a third of a core (MODP 2048), and 10,000 tunnels that come back at once are in after
// 20 s; for addresses that no tunnel names a fifth of it.
inline constexpr int kAgreementsPerSecond = 500;
inline constexpr int kAgreementsOfStrangersPerSecond = 100;
// The same for one tunnel: whoever has heard its identity can use up no more. As many peers behind
// one that takes any begin in a second.
inline constexpr int kAgreementsPerTunnel = 25;
// And at once, where a machine is slow or the group large: what waits behind them waits 50 ms.
inline constexpr std::size_t kAgreementsAtOnce = 64;
inline constexpr std::size_t kAgreementsOfStrangersAtOnce = 16;
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
// Refusals a second, in all, of messages that nothing protects: INVALID_IKE_SPI, INVALID-COOKIE,
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

// bytes between ipsec.lifetime_kb, short of which an SA is rekeyed, and where the kernel ends it:
// 20 s at 1 Gbit/s, time to ask again a peer that had none (TEMPORARY_FAILURE, 6 s), or to take it
// for dead (12 s). A limit of 2560 KB is gone in 20 ms.
inline constexpr std::uint64_t kVolumeRoomBytes = 2'500'000'000;
// The same by time: what the engine would have ended, the kernel ends if there is no engine.
inline constexpr std::chrono::seconds kLifetimeRoom{30};
// Old inbound SAs stay for packets still on the way.
inline constexpr std::chrono::seconds kInboundLinger{5};
// After TEMPORARY_FAILURE (RFC 7296 2.25), with up to half of it subtracted at random.
inline constexpr std::chrono::seconds kTemporaryFailureRetry{6};
// The side that won a collision, or answered a rekey, waits this long for the other's Delete.
inline constexpr std::chrono::seconds kAwaitDelete{30};
// A request that is not answered by a peer of which other things are heard: so many times the time
// in which a silent one is dead.
inline constexpr int kTimeoutsWithoutAnswer = 4;
// NAT keepalives (RFC 3948 4): mappings of UDP live 30 s at the least.
inline constexpr std::chrono::seconds kNatKeepalive{20};
// children of one IKE SA: 10 rules x 50 ranges if a peer takes one pair a child, and rekeys.
inline constexpr std::size_t kChildrenPerSa = 1'024;
// queued tasks of one SA.
inline constexpr std::size_t kTasksPerSa = 2'048;

// After a daemon that ended: each SA asks whether its peer is there, and so do at rest 10,000 of
// them within the 8 s of dead peer detection.
inline constexpr std::chrono::microseconds kProbeEach{800};
inline constexpr std::chrono::seconds kProbesWithin{8};
// And rekeys what should have been rekeyed meanwhile: a handshake's worth of work, ten times over.
inline constexpr std::chrono::milliseconds kRekeyEach{10};
inline constexpr std::chrono::seconds kRekeysWithin{60};
// What it finds at its end, or past it, lives so long for what takes its place: half of it until
// that is begun, the other half for a message that is lost on the way.
inline constexpr std::chrono::seconds kLifeAfterComeback{6};

// "I do not know this SA" in clear (INVALID_IKE_SPI, INVALID-COOKIE) may be anyone's word. Of one
// SA it is heeded so often: a question costs next to nothing then, and each doubt is over before
// the next.
inline constexpr std::chrono::seconds kDoubtInterval{10};
// A peer in doubt is asked so often, and is dead if nothing authentic answers for so long. Who
// forges the doubt cannot stop the answers: of eight questions a line that loses 30 % each way
// loses all once in 200 times. Four of them, a second apart, would be once in 15.
inline constexpr std::chrono::milliseconds kDoubtResend{500};
inline constexpr std::chrono::seconds kDoubtPatience{4};

// IKEv1: exchanges under way on one SA, ours and the peer's; the peer's that are over and are known
// when they come again.
inline constexpr std::size_t kV1ExchangesAtOnce = 64;
inline constexpr std::size_t kV1ExchangesRemembered = 256;
// IKEv1: quick modes for one pair of ranges may cross for as long as a message of theirs is sent
// again; then one of their children is kept.
inline constexpr std::chrono::seconds kV1SettlesAfter{13};
// IKEv1: who answered phase 1 begins no exchange under it until then.
inline constexpr std::chrono::milliseconds kV1FollowsAfter{200};
// IKEv1: nor does who comes back. What the peer began meanwhile waits in the socket, to be answered
// first: charon forgets the IV of an exchange that three others have followed.
inline constexpr std::chrono::milliseconds kV1SilentAfterComeback{300};
// IKEv1: a child that another was asked for to replace is deleted as long after: the peer makes its
// half only when our third message is there.
inline constexpr std::chrono::seconds kV1DeletesAfter{2};
// IKEv1: a Delete, which nothing answers, is said again that often for kInboundLinger.
inline constexpr std::chrono::seconds kV1RepeatsDeletesAfter{1};
// IKEv1: the peer has its half of a child when our third message is there, and says nothing then.
// What is sent goes over to a rekeyed child once something came through it, or after so long.
inline constexpr std::chrono::seconds kV1SwitchesAfter{1};
// IKEv1: so long another phase 1 waits for quick modes that are under way.
inline constexpr std::chrono::seconds kV1WaitsForQuicks{5};
// IKEv1: a child that may go with its ISAKMP SA is made again as long after the one before it.
inline constexpr std::chrono::seconds kV1AgainAfter{1};
// IKEv1: between tries to have another phase 1 before the lifetime ends.
inline constexpr std::chrono::seconds kReauthenticationRetry{30};

// --- Import of other products' configurations ---

// bytes of one file: 10,000 tunnels as strongSwan writes them take some 5 MB.
inline constexpr std::size_t kImportBytes = std::size_t{16} << 20U;
// settings and sections, or lines: as many tunnels with 40 of them each.
inline constexpr std::size_t kImportItems = 500'000;
// sections in one another, and conns that stand on one another: strongSwan's own have five.
inline constexpr std::size_t kImportDepth = 32;
// ranges of one side of one connection; a tunnel may have fewer, but that is the model's to say.
inline constexpr std::size_t kImportRanges = 1'000;

// --- Route programs (route/exec) ---

// bytes of one answer: some 8,000 routes as JSON. What it writes to stderr in all has the same
// limit.
inline constexpr std::size_t kProgramAnswerBytes = std::size_t{1} << 20U;
// bytes of stderr that are kept: its first line is told, however much comes before it.
inline constexpr std::size_t kProgramErrorBytes = 4'096;
// bytes of a reason in a program's words: a line of a status.
inline constexpr std::size_t kProgramReasonBytes = 240;
// bytes read from a program before others have their turn: a pipe holds as many.
inline constexpr std::size_t kProgramBytesPerTurn = 65'536;
// routes in one answer, and changes in one request.
inline constexpr std::size_t kProgramRoutes = 10'000;
// next hops of one route.
inline constexpr std::size_t kProgramHops = 64;
// objects and arrays in one another: the deepest answer has five.
inline constexpr std::size_t kProgramJsonDepth = 8;
// values in one answer: 20 for each route.
inline constexpr std::size_t kProgramJsonValues = 200'000;
// calls that wait for a place: one or two for each table of a large site.
inline constexpr std::size_t kProgramCalls = 1'024;
// Between TERM and KILL, between KILL and giving a program up, and how long what it has started may
// outlive it with its output in hand.
inline constexpr std::chrono::seconds kProgramGrace{1};
// How long a program that was killed with its driver is waited for, so that no zombie stays: on a
// busy machine that takes a while.
inline constexpr std::chrono::milliseconds kProgramReapWait{2'000};

}  // namespace ipsec::limits
