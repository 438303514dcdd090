// Route-based tunnels: an interface of its own for a tunnel whose selectors are 0.0.0.0/0, so that
// routes decide what goes through.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/error.h"
#include "xfrm/model.h"
#include "xfrm/probe.h"

namespace ipsec::xfrm {

struct InterfaceSpec {
  std::string name;      // at most 15 bytes
  std::uint32_t id = 0;  // if_id, or the VTI's key; never 0
  Address local;         // VTI binds to both outer addresses
  Address remote;
  std::string underlay;         // the device that xfrm interfaces sit on; "" is none
  std::uint32_t mtu_bytes = 0;  // 0 leaves it to the kernel
  bool operator==(const InterfaceSpec&) const = default;
};

// What SAs and policies of the tunnel must carry so that they meet the interface.
[[nodiscard]] Attachment attachment_of(InterfaceKind kind, const InterfaceSpec& spec);

struct FoundLink;

class Interfaces {
 public:
  [[nodiscard]] static std::expected<Interfaces, KernelError> open();

  // Makes it and brings it up. One that is there already and is just so is taken over; another of
  // that name is an error, never changed.
  [[nodiscard]] std::expected<void, KernelError> create(InterfaceKind kind,
                                                        const InterfaceSpec& spec);
  // The same, and one that has an id of ours and is another (of before the tunnel was changed, or
  // of a daemon before this one) makes room, whether it has that name or that id. Ids are taken
  // from the range of our reqids.
  [[nodiscard]] std::expected<void, KernelError> settle(InterfaceKind kind,
                                                        const InterfaceSpec& spec);
  struct Owned {
    std::string name;
    std::uint32_t id = 0;
  };
  // Those that have an id of ours.
  [[nodiscard]] std::expected<std::vector<Owned>, KernelError> ours();
  // One that is gone already is no error; one that is not of our kind is left alone.
  [[nodiscard]] std::expected<void, KernelError> remove(const std::string& name);

 private:
  explicit Interfaces(Socket socket) : socket_(std::move(socket)) {}

  [[nodiscard]] std::expected<std::optional<FoundLink>, KernelError> find(const std::string& name);
  // False where the name is taken.
  [[nodiscard]] std::expected<bool, KernelError> make(InterfaceKind kind, const InterfaceSpec& spec,
                                                      std::uint32_t underlay);
  [[nodiscard]] std::expected<void, KernelError> bring_up(InterfaceKind kind,
                                                          const std::string& name,
                                                          std::uint32_t index);

  Socket socket_;
};

}  // namespace ipsec::xfrm
