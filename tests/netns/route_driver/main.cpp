// The driver "kernel" on a real kernel, without a daemon: what the scenarios of tests/netns drive.
//
// Reads commands from standard input, one a line, and answers each with one line: `ok ...`,
// `refused KIND: WHY` where the driver said no, `wrong ...` for a line that makes no sense. TABLE
// is spelled as in a subnet. Its own namespace is the one it was started in.
//
//   want TABLE ROUTES           see wanted.h; says nothing to the kernel
//   pass TABLE                  list, plan, apply: added=N replaced=N removed=N ...
//   list TABLE [DESTINATION...]
//   forget TABLE
//   lookup ADDRESS              [via ADDRESS] dev DEVICE mtu N
//   event MS                    the next table of which drift is told, `ways`, or none
//   events MS                   how many there were, and how often the loop had something to do
//   ignored                     messages that made no sense
//   conformance DEVICE [NETNS]  see conformance.h
#include <exception>
#include <iostream>
#include <string>

#include "tests/netns/route_driver/driver.h"

int main() {
  try {
    ipsec::driver::RouteDriver driver;
    std::string line;
    while (std::getline(std::cin, line)) std::cout << driver.obey(line) << std::endl;
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "route_driver: " << error.what() << '\n';
    return 1;
  }
}
