// The runtime store of a daemon before this one, which anybody may have written who could. The
// input is a file as it is, and the entries of one change in a file that is right. What is read is
// in the file where it is said to be. Its records are then what an engine goes on from, with a
// kernel that has some of the SAs they name: whatever they say, it makes a bounded number of
// actions, ticking ends, and once its tunnels are removed nothing of them is left.
#include <algorithm>
#include <array>
#include <memory>

#include "ike/base/checksum.h"
#include "ike/core/sa/children.h"
#include "ike/core/sa/records.h"
#include "ike/daemon/runtime_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/host.h"

namespace ipsec::fuzz {
namespace {

using namespace std::chrono_literals;
using core::IkeVersion;
using core::RecordKind;

constexpr std::string_view kBoot = "boot";
constexpr std::size_t kActionsPerInput = 4096;
constexpr std::array<Duration, 7> kSteps{1ms, 500ms, 4s, 10s, 31s, 1h, 9h};

Bytes file_with(ByteView entries) {
  Bytes file = daemon::make_runtime_head(kBoot);
  const std::size_t head = file.size();
  file.resize(head + daemon::kChangeHeadBytes + entries.size());
  const MutableBytes change = MutableBytes(file).subspan(head);
  daemon::begin_change(change, entries.size());
  std::ranges::copy(entries, change.subspan(daemon::kChangeHeadBytes).begin());
  daemon::end_change(change, entries.size());
  return file;
}

std::vector<core::Record> records_in(ByteView bytes) {
  std::vector<core::Record> records;
  auto file = daemon::read_runtime_file(bytes, kBoot);
  if (!file) return records;
  require(file->whole_bytes <= bytes.size(), "what is whole is in the file");
  for (auto& [record, offset] : file->records) {
    const ByteView content = record.content.view();
    require(offset + content.size() <= file->whole_bytes, "a record ends before the file does");
    require(equal(bytes.subspan(offset, content.size()), content), "a record is where it is");
    records.push_back(std::move(record));
  }
  return records;
}

// What records name, as far as the bits of `which` say so.
std::vector<core::KernelSa> kernel_of(const std::vector<core::Record>& records,
                                      std::uint64_t which) {
  std::vector<core::KernelSa> found;
  for (const core::Record& record : records) {
    if (record.key.kind != RecordKind::association) continue;
    const auto saved = core::load_association(record.content.view());
    if (!saved) continue;
    for (const core::Child& child : saved->association->children) {
      const auto udp = core::encapsulation_between(child.remote, child.local, child.encapsulated);
      if ((which & 3) != 0) found.push_back({child.inbound_key(), child.remote.address, udp});
      if ((which & 12) != 0) found.push_back({child.outbound_key(), child.local.address, {}});
      which = which >> 4 | which << 60;
    }
  }
  return found;
}

core::TunnelConfig tunnel(std::uint64_t id, IkeVersion version) {
  auto config = test::tunnel_between(id, "192.0.2.1", "203.0.113.2", "10.1.0.0/16", "10.2.0.0/16");
  config.version = version;
  return config;
}

void go_on(std::vector<core::Record> records, std::uint64_t which) {
  const crypto::FakeProvider crypto(1);
  test::Host host(crypto, 1, core::Keeping::yes);
  Time now{5s};
  auto kernel = kernel_of(records, which);
  host.feed(core::Resume{std::move(records), std::move(kernel)}, now);
  const std::array tunnels{tunnel(1, IkeVersion::v2), tunnel(2, IkeVersion::v1)};
  for (const auto& config : tunnels) {
    host.feed(core::SetTunnel{std::make_shared<const core::TunnelConfig>(config)}, now);
  }
  host.feed(core::ResumeOver{}, now);
  for (const Duration step : kSteps) {
    now += step;
    require(host.settle(now), "ticking comes to an end");
  }
  for (const auto& config : tunnels) {
    for (const auto order : {core::Order::rekey_children, core::Order::rekey_ike}) {
      host.feed(core::Command{config.id, order}, now);
    }
    host.feed(core::RemoveTunnel{config.id}, now);
  }
  for (const Duration step : kSteps) {
    now += step;
    require(host.settle(now), "ticking comes to an end once more");
  }
  require(host.most_actions <= kActionsPerInput, "actions of one input are bounded");
  require(host.engine().snapshot().sas == 0, "no SA outlives its tunnel");
  require(host.store.empty(), "nor does a record");
}

}  // namespace
}  // namespace ipsec::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ipsec::ByteView bytes(data, size);
  (void)ipsec::fuzz::records_in(bytes);
  auto records = ipsec::fuzz::records_in(ipsec::fuzz::file_with(bytes));
  ipsec::fuzz::go_on(std::move(records), ipsec::checksum(bytes));
  return 0;
}
