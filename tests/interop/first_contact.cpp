// The engine opposite another daemon: real sockets, real time, real cryptography, no kernel.
//
//   first_contact --commands FIFO --sas FILE --export-keys FILE --export-v1-keys FILE
//
// FIFO is made, and read to the end of the process, a command a line: `tunnel KEY=VALUE...` (see
// tunnel_line.h), `up|down|reauth|rekey-child|rekey-ike|probe|forget NAME`, `status`, `quit`. What
// happens is told on standard output. Keys, of tests only, go to the other files: the kernel SAs as
// `ip xfrm state` would name them, and IKE SAs as Wireshark's ikev2_decryption_table and
// ikev1_decryption_table.
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <system_error>

#include "ike/crypto/openssl_provider.h"
#include "tests/interop/executor.h"
#include "tests/interop/key_watcher.h"

namespace ipsec::interop {
namespace {

constexpr int kWrongUsage = 2;

// Open for writing too: so it never comes to an end when a writer leaves.
UniqueFd open_commands(const std::string& path) {
  if (::mkfifo(path.c_str(), S_IRUSR | S_IWUSR) != 0 && errno != EEXIST) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw std::system_error(errno, std::generic_category(), path);
  return fd;
}

int run(const std::map<std::string, std::string>& options) {
  const auto provider = crypto::OpensslProvider::create();
  if (!provider) {
    std::cerr << provider.error().what << '\n';
    return 1;
  }
  std::ofstream sas(options.at("--sas"));
  std::ofstream keys(options.at("--export-keys"));
  std::ofstream v1_keys(options.at("--export-v1-keys"));
  const KeyWatcher watcher(**provider, keys, v1_keys);
  Executor executor(watcher, std::cout, sas);
  const UniqueFd commands = open_commands(options.at("--commands"));
  std::cout << "ready" << std::endl;
  std::string pending;
  for (;;) {
    executor.wait(commands.get());
    std::array<char, 4096> buffer{};
    const auto size = ::read(commands.get(), buffer.data(), buffer.size());
    if (size > 0) pending.append(buffer.data(), static_cast<std::size_t>(size));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      if (!executor.obey(line)) return 0;
    }
  }
}

}  // namespace
}  // namespace ipsec::interop

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  try {
    return ipsec::interop::run(options);
  } catch (const std::out_of_range&) {
    std::cerr << "usage: first_contact --commands FIFO --sas FILE --export-keys FILE "
                 "--export-v1-keys FILE\n";
    return ipsec::interop::kWrongUsage;
  } catch (const std::exception& error) {
    std::cerr << "first_contact: " << error.what() << '\n';
    return 1;
  }
}
