#include "ike/gateway/formats/vendors.h"

#include <array>

namespace ipsec::gateway::formats {
namespace {

constexpr auto kVendors = std::to_array<Vendor>({
    {"Huawei", "USG firewalls, AR routers", Format::huawei,
     "one SA pair for each ACL rule; SHA-2 of releases before V300 was cut short in a way of its "
     "own: there choose sha1, or `ipsec sha2 compatible enable` at the device"},
    {"H3C", "SecPath firewalls, MSR routers (Comware 7)", Format::h3c,
     "AES-GCM with IKEv2 only; match the profile by identity, which must be the tunnel's"},
    {"Hillstone", "StoneOS firewalls", Format::hillstone,
     "one proxy ID or traffic selector a pair of ranges; PFS must be the same at both ends"},
    {"Sangfor", "IPsec VPN, NGAF, AC", Format::sangfor,
     "set up on its pages, so the export is a list of what to enter; out and in policies for each "
     "pair of ranges"},
    {"Cisco", "ASA", Format::cisco_asa,
     "one SA pair for each line of the access list; one identity for all tunnels; from 9.15 on no "
     "DES, 3DES, MD5 and groups 1, 2, 5, 24"},
    {"Cisco", "IOS and IOS XE routers", Format::cisco_ios,
     "crypto map; a tunnel interface (VTI) asks for 0.0.0.0/0 both ways, which no tunnel of ours "
     "with ranges takes"},
    {"Juniper", "SRX", Format::juniper_srx,
     "route-based with traffic selectors; without them it asks for 0.0.0.0/0 both ways"},
    {"Fortinet", "FortiGate", Format::fortigate,
     "one phase 2 for each pair of ranges; no AH and no group 24; names of 15 letters"},
    {"strongSwan", "Linux, swanctl.conf", Format::swanctl,
     "loaded as it is; with `auto` both ends pick the strongest algorithms they share"},
    {"strongSwan", "Linux, ipsec.conf", Format::ipsec_conf,
     "loaded as it is; the key goes to ipsec.secrets, the heading of the export says how"},
    {"Linux IPsec servers", "ipsec.conf as cloud platforms hand it out", Format::literal,
     "the plain form of the platforms; strongSwan passes over pfs= and the nexthop lines"},
});

}  // namespace

std::span<const Vendor> all_vendors() { return kVendors; }

}  // namespace ipsec::gateway::formats
