#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "ike/crypto/openssl_provider.h"
#include "ike/daemon/daemon.h"
#include "ike/daemon/keeper.h"
#include "ike/daemon/keeper_line.h"
#include "ike/daemon/notify.h"
#include "ike/daemon/options.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

void complain(std::string_view line) {
  const std::string whole = "ipsecd: " + std::string(line) + "\n";
  (void)std::fputs(whole.c_str(), stderr);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is left is memory that is not there
int main(int argc, char** argv) {
  namespace daemon = ipsec::daemon;
  const auto parsed = daemon::parse_options(argc, argv);
  if (!parsed) {
    complain(parsed.error());
    (void)std::fputs(std::string(daemon::usage()).c_str(), stderr);
    daemon::notify_failure();
    return kUsage;
  }
  if (const auto* print = std::get_if<daemon::Print>(&*parsed)) {
    (void)std::fputs(print->text.c_str(), stdout);
    return 0;
  }
  const auto& options = std::get<daemon::Options>(*parsed);
  if (options.check_config) {
    const auto checked = daemon::check_configuration(options);
    if (!checked) {
      complain(checked.error().line);
      return kFailed;
    }
    (void)std::fputs(checked->c_str(), stdout);
    return 0;
  }
  if (!options.no_keeper && !options.kept) return daemon::keep(argc, argv, options);
  const auto ended = daemon::run(options, ipsec::crypto::OpensslProvider::create);
  if (!ended) {
    complain(ended.error().line);
    daemon::notify_failure();
    return kFailed;
  }
  return *ended == daemon::Ending::for_upgrade ? daemon::kEndsForUpgrade : 0;
}
