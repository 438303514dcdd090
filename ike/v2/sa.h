// An IKEv2 SA as a variant of the states it can be in. Each state holds only what exists in it.
//
//   initiator: KeyPending -> InitSent -> AuthPreparing -> AuthSent -> Established
//   responder: AgreePending -> InitAnswered -> Established
//   a rekeyed SA is born Established; every state can go to Closed
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ike/base/endpoint.h"
#include "ike/base/identity.h"
#include "ike/base/secret.h"
#include "ike/base/strong_id.h"
#include "ike/core/config.h"
#include "ike/core/io.h"
#include "ike/core/jobs.h"
#include "ike/core/nat.h"
#include "ike/core/sa/children.h"
#include "ike/core/sa/making.h"
#include "ike/core/sa/sa.h"
#include "ike/core/sa/turn.h"
#include "ike/crypto/key_derivation.h"
#include "ike/v2/window.h"
#include "ike/wire/payloads.h"

namespace ipsec::v2 {

using core::Active;
using core::Association;
using core::AssociationDown;
using core::AssociationUp;
using core::Child;
using core::ChildMaking;
using core::Drops;
using core::Halves;
using core::InboundOnly;
using core::Lingering;
using core::Nonces;
using core::Numbers;
using core::OpeningFailed;
using core::Owes;
using core::Replaced;
using core::RuleFailed;
using core::RuleUp;
using core::Turn;
using core::Unmade;

// --- Exchanges in flight on an established SA ---

// What a crossing exchange of the peer makes out of the same child. Its nonces are known as soon as
// its request is there; it may still be on its way to the kernel.
struct RivalChild {
  ChildId id;
  Bytes lowest_nonce;
};

// A child we ask for. Gather (SPI, perhaps a key), send, perhaps derive, install.
struct ChildRequest : ChildMaking {
  core::SelectorPair offered;
  std::optional<RivalChild> rival;
  const GroupRow* group = nullptr;  // of the KE payload; null: none
  int restarts = 0;                 // INVALID_KE_PAYLOAD answers followed
  std::optional<JobId> key_wanted;
  core::KeyPointer key;
  std::optional<JobId> secret_wanted;
  bool in_auth = false;  // IKE_AUTH asked for it, and no exchange of its own
  // Deletes of children we do not know, come before the answer: one may be this request's own.
  std::vector<ChildSpi> deleted_early;
};

struct IkeRekeyRequest {
  IkeSpi new_spi;
  core::IkeOffers offers;
  const GroupRow* group = nullptr;
  int restarts = 0;
  std::optional<JobId> key_wanted;
  core::KeyPointer key;
  Nonces nonces;
  std::optional<core::IkeChoice> choice;
  std::optional<JobId> secret_wanted;
  Secret peer_token;
};

struct ChildDeleteRequest {
  std::vector<ChildId> children;
};
struct IkeDeleteRequest {};
struct ProbeRequest {};

using OurExchange = std::variant<std::monostate, ChildRequest, IkeRekeyRequest, ChildDeleteRequest,
                                 IkeDeleteRequest, ProbeRequest>;

// A child the peer asks for, while the worker pool or the kernel has the word.
struct ChildAnswer : ChildMaking {
  ChildId id;  // that the child will have
  // Ours crossed it, won and is in place already: what comes of this is for the peer to delete.
  std::optional<ChildId> lost_to;
  core::Pfs pfs = core::Pfs::negotiated;
  wire::SaPayload offered;
  Bytes peer_public;
  std::optional<JobId> agree_wanted;
  core::JobOutput agreed;
};

struct IkeRekeyAnswer {
  SaId id;  // that the SA will have
  Nonces nonces;
  core::IkeChoice choice;
  IkeSpi new_spi;
  std::optional<JobId> agree_wanted;
};

struct PeerExchange {
  wire::ExchangeType exchange{};
  wire::Payloads preface;  // IDr and AUTH, in the answer to IKE_AUTH
  std::variant<ChildAnswer, IkeRekeyAnswer> what;
};

// --- States ---

// What IKE_SA_INIT leaves for IKE_AUTH. The messages as they were on the wire: AUTH covers them
// (RFC 7296 2.15).
struct InitOutcome {
  crypto::IkeAlgorithms algorithms;
  Nonces nonces;
  Bytes request;
  Bytes response;
};

// Waiting for our Diffie-Hellman half.
struct KeyPending {
  JobId job;
  const GroupRow* group = nullptr;
  Bytes nonce;
  Bytes cookie;
  int restarts = 0;
};

struct InitSent {
  const GroupRow* group = nullptr;
  Bytes nonce;
  Bytes cookie;
  int restarts = 0;
  core::KeyPointer key;
  Bytes request;
  core::Retransmission timer;
  // What an unauthenticated error said: only a hint, but the best there is if nothing else comes.
  std::optional<core::Failure> hint;
};

// Waiting for the shared secret and for the SPI that the first child offers.
struct AuthPreparing {
  InitOutcome init;
  std::optional<JobId> secret_wanted;
  crypto::IkeKeys keys;
  std::optional<ChildRequest> child;
};

struct AuthSent {
  InitOutcome init;
  crypto::IkeKeys keys;
  Window window;
  std::optional<ChildRequest> child;
};

// Waiting for the shared secret as responder.
struct AgreePending {
  JobId job;
  InitOutcome init;  // no response yet
  core::IkeChoice choice;
  Time expires_at{};
};

struct InitAnswered {
  InitOutcome init;
  crypto::IkeKeys keys;
  Window window;
  Time expires_at{};
  // AUTHENTICATION_FAILED was said; kept only to say it again.
  bool refused = false;
};

// A crossing rekey of the IKE SA: what the peer's exchange makes, until ours is answered.
struct Rival {
  SaId sa;
  Bytes lowest_nonce;
  bool born = false;  // our Diffie-Hellman for it is done
};

struct Established {
  crypto::IkeAlgorithms algorithms;
  crypto::IkeKeys keys;  // without SK_pi and SK_pr
  Window window;
  OurExchange ours = {};
  std::optional<PeerExchange> peers = {};
  Bytes lowest_nonce = {};
  std::optional<Rival> rival = {};
  bool delete_wanted = false;
  bool probe_wanted = false;
  bool rekey_wanted = false;
  Time rekey_at = kNever;
  // An SA that is not current is for the peer to delete; past this we do it ourselves.
  Time patience = kNever;
  Time keepalive_at = kNever;
  // The lifetime's end, if no rekey came to anything until then (M65).
  Time expires_at = kNever;
  // What the peer will prove by that it has lost this SA (RFC 6290); empty: it has given none.
  Secret peer_token = {};
  // Ours is still to be given for this SA, which a rekey of ours has made.
  bool token_owed = false;
  std::optional<Time> doubted_at = {};

  // The peer may have made a child already that we do not know: our request is out, and its answer
  // is lost or late.
  [[nodiscard]] ChildRequest* unanswered_child();
  // Our request of which the peer has made the child that it receives on `spi`, while the worker
  // pool or our kernel has the word: the association does not know that child yet.
  [[nodiscard]] const ChildRequest* coming(ChildSpi spi) const;
};

struct Closed {
  std::string reason;
};

using State = std::variant<KeyPending, InitSent, AuthPreparing, AuthSent, AgreePending,
                           InitAnswered, Established, Closed>;

// The functions of this room's headers do what the members say; these lead the engine to them.
class Sa final : public core::Sa {
 public:
  std::size_t fragment_bytes = 0;  // 0: the peer does not take fragments
  State state;

  [[nodiscard]] Established* established() { return std::get_if<Established>(&state); }
  [[nodiscard]] const Established* established() const { return std::get_if<Established>(&state); }

  [[nodiscard]] core::IkeVersion version() const override { return core::IkeVersion::v2; }
  [[nodiscard]] Progress progress() const override;
  [[nodiscard]] bool is_half_open() const override;
  [[nodiscard]] bool is_committed() const override;
  [[nodiscard]] bool is_making(IkeSpi spi) const override;
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
  [[nodiscard]] bool outlives_us() const override;
  void save(core::Saver& archive) const override;
  void save_window(core::Saver& archive) const override;
  [[nodiscard]] bool load(core::Loader& archive, core::Loader& window,
                          const crypto::Provider& crypto, RandomSource& random) override;
  void resumed(Turn& turn, const core::Comeback& comeback) override;
  void superseded(Time now, Time delete_at) override;
  void give_up(Turn& turn, std::string reason) override;
  void close(Turn& turn, std::string reason) override;
};

}  // namespace ipsec::v2
