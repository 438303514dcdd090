#include "ike/daemon/crash_secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <expected>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "ike/base/unique_fd.h"
#include "ike/core/crash_tokens.h"
#include "ike/daemon/whole_file.h"

namespace ipsec::daemon {
namespace {

constexpr std::string_view kMeaning =
    "peers that hold SAs of before a restart find it out in seconds, not at once";

// The error is why it is of no use; an empty secret, that there is none yet.
std::expected<Secret, std::string> read_secret(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return Secret();
  struct stat about{};
  if (!fd || ::fstat(fd.get(), &about) != 0) {
    return std::unexpected("cannot be read: " + std::generic_category().message(errno));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) return std::unexpected("is open to others");
  Secret secret(core::kCrashSecretBytes);
  const bool whole = about.st_size == static_cast<off_t>(secret.size()) &&
                     ::read(fd.get(), secret.writable().data(), secret.size()) == about.st_size;
  if (!whole) return std::unexpected(fmt::format("does not hold {} bytes", secret.size()));
  return secret;
}

}  // namespace

CrashSecret load_crash_secret(const std::filesystem::path& file, RandomSource& random) {
  CrashSecret loaded;
  auto kept = read_secret(file);
  if (kept && !kept->empty()) {
    loaded.secret = *std::move(kept);
    return loaded;
  }
  if (!kept) {
    loaded.warnings.push_back(fmt::format("the secret {} {}, and another takes its place; {}",
                                          file.string(), kept.error(), kMeaning));
  }
  loaded.secret = Secret(core::kCrashSecretBytes);
  random.fill(loaded.secret.writable());
  if (const auto written = write_whole(file, loaded.secret.view()); !written) {
    loaded.warnings.push_back(
        fmt::format("the secret {} cannot be written: {}; it is good for this run, and after the "
                    "next start {}",
                    file.string(), written.error().message(), kMeaning));
  }
  return loaded;
}

}  // namespace ipsec::daemon
