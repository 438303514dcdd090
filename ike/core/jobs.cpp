#include "ike/core/jobs.h"

namespace ipsec::core {
namespace {

struct Run {
  const crypto::Provider& crypto;

  JobResult operator()(const GenerateKey& job) const {
    auto key = crypto.generate(job.group);
    if (!key) return std::unexpected(key.error());
    return JobOutput{KeyPointer(*std::move(key)), {}};
  }

  JobResult operator()(const AgreeKey& job) const {
    auto key = crypto.generate(job.group);
    if (!key) return std::unexpected(key.error());
    return derive(KeyPointer(*std::move(key)), job.peer_public);
  }

  JobResult operator()(const DeriveSecret& job) const { return derive(job.key, job.peer_public); }

  static JobResult derive(KeyPointer key, ByteView peer_public) {
    auto shared = key->derive(peer_public);
    if (!shared) return std::unexpected(shared.error());
    return JobOutput{std::move(key), *std::move(shared)};
  }
};

}  // namespace

bool is_short(const Job& job) {
  const auto group_of = [](const auto& what) {
    if constexpr (requires { what.group; }) {
      return what.group;
    } else {
      return what.key->group();
    }
  };
  const GroupRow* group = find_group(std::visit(group_of, job));
  return group != nullptr && group->kind == GroupKind::x25519;
}

JobResult run_job(const crypto::Provider& crypto, const Job& job) {
  return std::visit(Run{crypto}, job);
}

}  // namespace ipsec::core
