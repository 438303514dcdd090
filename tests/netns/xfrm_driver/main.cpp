// The room `xfrm` on a real kernel, without a daemon: what the scenarios of tests/netns drive.
//
//   xfrm_driver SUFFIX
//
// Reads commands from standard input, `NAMESPACE COMMAND ARGUMENT...` a line, and answers each with
// one line: `ok ...`, `refused REASON` where the kernel said no, `wrong ...` for a line that makes
// no sense. NAMESPACE is a name for `ip netns` less SUFFIX, or - for the process's own. One process
// serves all namespaces of a scenario, for starting one is slow in user-mode Linux.
//
//   open | features                          what the kernel can
//   can esp|ah 4|6 ENCRYPTION|- INTEGRITY|-  what an SA with these algorithms lacks
//   algorithms                               the registry's PROTOCOL:ENCRYPTION:INTEGRITY
//   spi esp|ah PEER OWN                      holds an SPI
//   child NAME KEY=VALUE...                  see child.h; asks nothing of the kernel
//   install NAME [in] [out] [policies]       one batch; without a part all three
//   install-at NAME SENT RECEIVED            both SAs, as if these sequence numbers had been used
//   remove NAME [in] [out] [policies]
//   move NAME in|out SOURCE PORT DESTINATION PORT yes|no       the last is whether to encapsulate
//   watch NAME in|out | await-volume NAME in|out | trap NAME | untrap NAME
//   count NAME in|out                        packets bytes replayed outside-window failed
//   replay NAME in|out                       sent received
//   held                                     how many SAs and policies of ours there are
//   reconcile NAME... | remember NAME child|trap | offload-refusals
//   monitor | event MS | overruns MS         events as they come; how many said "lost"
//   wakes MS                                 whether there is anything to read of them
//   churn NAME TIMES                         installs and removes it by another's hand
//   interface xfrm|vti DEVICE ID LOCAL REMOTE UNDERLAY|- MTU | no-interface DEVICE
//                                            answers what a child's line must say to meet it
//   udp SOCKET ADDRESS PORT plain|bypass|encapsulated
//   say SOCKET ADDRESS PORT COUNT BYTES | hear SOCKET COUNT BYTES MS
//   cross OWN OTHER-NAMESPACE ADDRESS COUNT BYTES MS           datagrams there, as many back
//   sends                                    how many send calls there have been
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <string>

#include "tests/netns/xfrm_driver/driver.h"

namespace {
std::uint64_t send_calls = 0;
}

// In front of the C library's, for libmnl too: so a batch can be seen to be one, whatever the code
// that sends it says of itself.
extern "C" ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
                          socklen_t to_size) {
  ++send_calls;
  return ::syscall(SYS_sendto, fd, data, size, flags, to, to_size);
}

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  ++send_calls;
  return ::syscall(SYS_sendmsg, fd, message, flags);
}

std::uint64_t ipsec::driver::count_sends() { return send_calls; }

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: xfrm_driver SUFFIX\n";
    return 2;
  }
  try {
    ipsec::driver::Driver driver(argv[1]);
    std::string line;
    while (std::getline(std::cin, line)) std::cout << driver.obey(line) << std::endl;
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "xfrm_driver: " << error.what() << '\n';
    return 1;
  }
}
