// An IKEv1 SA as a variant of the states it can be in (RFC 2409 5). Each state holds only what
// exists in it.
//
//   main mode, initiator:        Proposed -> KeyPending -> KeySent -> SecretPending -> AuthSent ->
//   Established main mode, responder:        Answered -> AgreePending -> KeyAnswered -> Established
//   aggressive mode, initiator:  KeyPending -> KeySent -> SecretPending -> Established
//   aggressive mode, responder:  AgreePending -> KeyAnswered -> Established
//   every state can go to Closed
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "ike/base/secret.h"
#include "ike/core/proposal_v1.h"
#include "ike/core/retransmit.h"
#include "ike/core/sa/children.h"
#include "ike/core/sa/making.h"
#include "ike/core/sa/sa.h"
#include "ike/core/sa/turn.h"
#include "ike/crypto/key_derivation_v1.h"
#include "ike/v1/channel.h"
#include "ike/wire/v1/message.h"

namespace ipsec::v1 {

using core::Active;
using core::Association;
using core::AssociationUp;
using core::Child;
using core::Halves;
using core::InboundOnly;
using core::Lingering;
using core::Nonces;
using core::OpeningFailed;
using core::Owes;
using core::Replaced;
using core::RuleFailed;
using core::RuleUp;
using core::Turn;

// How both sides speak of NATs: not at all, by RFC 3947, or by the drafts before it.
enum class NatWords : std::uint8_t { none, rfc, draft };

// What the peer says that it can do.
struct Abilities {
  NatWords nat = NatWords::none;
  bool dead_peer_detection = false;  // RFC 3706
};

// What phase 1 gathers, whichever mode it is in. `_body` is a payload without its generic header,
// as hashes cover it: for the peer's exactly as it came.
struct Phase1 {
  bool aggressive = false;
  core::proposal_v1::IkeChoice choice;
  Bytes sa_body;  // of the initiator, in both hashes
  Bytes initiator_id_body;
  Bytes responder_id_body;
  Nonces nonces;
  Bytes initiator_public;
  Bytes responder_public;
  Abilities peer;

  [[nodiscard]] crypto::v1::Exchange exchange(const crypto::SpiPair& cookies) const {
    return {initiator_public, responder_public, cookies};
  }
};

// --- As initiator ---

// What an error in clear said: only a hint, but the best there is if nothing else comes.
using Hint = std::optional<core::Failure>;

// Message 1 of main mode is out.
struct Proposed {
  Phase1 phase1;
  Bytes sent;
  core::Retransmission timer;
  Hint hint = {};
};

// Waiting for our Diffie-Hellman half.
struct KeyPending {
  Phase1 phase1;
  const GroupRow* group = nullptr;
  JobId job;
};

// Message 3 of main mode, or message 1 of aggressive mode, is out.
struct KeySent {
  Phase1 phase1;
  const GroupRow* group = nullptr;
  core::KeyPointer key;
  Bytes sent;
  core::Retransmission timer;
  Hint hint = {};
};

// Waiting for the shared secret.
struct SecretPending {
  Phase1 phase1;
  JobId job;
  Bytes received_hash = {};  // in aggressive mode, where the answer has it already
};

// Message 5 of main mode is out.
struct AuthSent {
  Phase1 phase1;
  Keys keys;
  crypto::v1::IvChain iv;
  Bytes sent;
  core::Retransmission timer;
  Hint hint = {};
};

// --- As responder ---

// The peer's last message, and ours to it: said again when that one comes again.
struct Said {
  Bytes heard;
  Bytes answer;
};

// Message 2 of main mode is out; nothing was computed for it.
struct Answered {
  Phase1 phase1;
  Said said;
  Time expires_at{};
};

struct AgreePending {
  Phase1 phase1;
  JobId job;
  Bytes heard;
  Time expires_at{};
};

// Message 4 of main mode, or message 2 of aggressive mode, is out.
struct KeyAnswered {
  Phase1 phase1;
  Secret shared = {};             // main mode: the key that fits is found by message 5
  std::optional<Keys> keys = {};  // aggressive mode
  Said said;
  Time expires_at{};
  bool refused = false;  // a message that fits no key has been told of
  bool doubted = false;  // and so has that the peer may have refused ours
};

// --- Both ---

// A quick mode (RFC 2409 5.5): one child for one pair of ranges.
//
//   as initiator: gathering -> offered -> deriving -> installing -> over
//   as responder: gathering -> installing -> answered -> over
struct Quick {
  enum class Stage : std::uint8_t { gathering, offered, deriving, installing, answered, over };

  wire::Role role = wire::Role::initiator;
  Stage stage = Stage::gathering;
  crypto::v1::IvChain iv;
  core::ChildMaking making;
  core::proposal_v1::ChildTerms terms;   // as they were offered, or agreed
  std::vector<ChildId> known = {};       // as initiator: the pair's children when it was begun
  std::optional<JobId> key_wanted = {};  // our half, or as responder both
  core::KeyPointer key = {};
  std::optional<JobId> secret_wanted = {};
  Secret shared = {};
  // As responder: what was asked for, to be said again.
  wire::v1::SaPayload offered = {};
  std::vector<wire::v1::IdPayload> ids = {};
  std::optional<ChildId> child = {};  // that came of it
  Said said = {};
  core::Retransmission timer = {};
  Time expires_at = kNever;  // where it is for the peer to go on, and once it is over

  // The child is made of them.
  void forget_keys() {
    key.reset();
    shared = {};
  }
};

// A question whether the peer lives (RFC 3706).
struct Probe {
  std::uint32_t sequence = 0;
  Bytes sent;
  core::Retransmission timer;
  Time sent_at{};
};

struct Established {
  crypto::IkeAlgorithms algorithms;
  Keys keys;
  Bytes last_block;  // of phase 1: where the IVs of later exchanges come from
  Abilities peer;
  Said said;  // the last messages of phase 1
  Bytes lowest_nonce;
  std::map<std::uint32_t, Quick> quicks = {};  // by message id
  std::deque<std::uint32_t> heard_ids = {};    // of the peer's exchanges that are over
  Said question = {};                          // whether we are there (RFC 3706), its last one
  std::optional<Probe> probe = {};
  std::uint32_t next_sequence = 0;
  core::PathRecord path = {};
  bool probe_wanted = false;
  std::optional<Time> doubted_at = {};
  bool reauthentication_wanted = false;
  // Why it is no more, where only its children are, and wait for another phase 1 until it expires.
  std::optional<std::string> deleted = {};
  Time heard_at{};
  // Another IKE SA takes its place from then on, by a new phase 1.
  Time reauthenticate_at = kNever;
  // Another one did, and this one goes, once the peer has shown that it still knows it.
  Time delete_at = kNever;
  Time superseded_at{};
  Time expires_at = kNever;
  Time keepalive_at = kNever;
  Time silent_until{};  // begins nothing before
};

struct Closed {
  std::string reason;
};

using State = std::variant<Proposed, KeyPending, KeySent, SecretPending, AuthSent, Answered,
                           AgreePending, KeyAnswered, Established, Closed>;

class Sa final : public core::Sa {
 public:
  State state = Closed{"not begun"};

  [[nodiscard]] Established* established() { return std::get_if<Established>(&state); }
  [[nodiscard]] const Established* established() const { return std::get_if<Established>(&state); }

  [[nodiscard]] core::IkeVersion version() const override { return core::IkeVersion::v1; }
  [[nodiscard]] Progress progress() const override;
  [[nodiscard]] bool is_half_open() const override;
  [[nodiscard]] bool is_unproven() const override;
  [[nodiscard]] bool is_committed() const override;
  [[nodiscard]] Time deadline() const override;
  [[nodiscard]] std::optional<Details> details() const override;
  void begin(Turn& turn) override;
  void opened_again(Turn& turn, const core::Datagram& datagram) override;
  void arrived(Turn& turn, const core::Datagram& datagram) override;
  void ticked(Turn& turn) override;
  void job_done(Turn& turn, JobId job, core::JobResult result) override;
  void spi_allocated(Turn& turn, core::Ticket ticket,
                     const std::expected<xfrm::SaKey, KernelError>& result) override;
  void sas_installed(Turn& turn, core::Ticket ticket,
                     const std::expected<void, KernelError>& result) override;
  void ordered(core::Order order) override;
  void superseded(Time now, Time delete_at) override;
  [[nodiscard]] bool outlives_us() const override;
  void save(core::Saver& archive) const override;
  void save_window(core::Saver& archive) const override;
  [[nodiscard]] bool load(core::Loader& archive, core::Loader& window,
                          const crypto::Provider& crypto, RandomSource& random) override;
  void resumed(Turn& turn, const core::Comeback& comeback) override;
  void give_up(Turn& turn, std::string reason) override;
  void close(Turn& turn, std::string reason) override;
};

}  // namespace ipsec::v1
