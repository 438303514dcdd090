#!/usr/bin/env bash
# Goal: what is changed on one tunnel costs another one nothing: neither a packet nor an SA. Of a
# gateway's two addresses each is answered from, and IPv6 carries as IPv4 does, outside and inside. The
# two ends may have other lifetimes; no name and no key is seen on the wire, and no two SAs share a key.
# Method: gw-right is two gateways by two addresses of one interface, and those again in IPv6. A hundred
# pings a second go both ways over the one tunnel, are counted, and none may lack. A responder that
# answers from the interface's first address has no second tunnel at all.
#
#                            .1 ===== 203.0.113.2      192.168.3.0/24   to-first
#   192.168.1.0/24 -- gw-left   ===== 203.0.113.12     192.168.4.0/24   to-second
#   2001:db8:1::/64         f::1 ==== 2001:db8:f::2    2001:db8:3::/64  to-third
#                               ===== 2001:db8:f::12   192.168.5.0/24   to-fourth
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  second_addresses
  left_toml
  right_toml
  gateway_start gw-left
  gateway_start gw-right
  capture_start wire left
  for tunnel in to-first to-second to-third to-fourth; do
    wait_until 30 "$tunnel is connected" tunnel_is "$tunnel" connection connected
  done
  each_address_has_its_tunnel
  the_kernel_has_what_was_agreed
  ipv6_carries
  nothing_is_lost_beside_a_change
  capture_stop capture
  expect_no_clear_text capture 192.168.0.0/16 2001:db8:1::/64 2001:db8:3::/64
  nobody_is_named_on_the_wire
  it_comes_up_from_the_other_side
  gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

second_addresses() {
  ip_lines gw-right <<END
address add 203.0.113.12/24 dev wan
address add 2001:db8:f::12/64 dev wan nodad
address add 192.168.4.1/24 dev lan
address add 192.168.5.1/24 dev lan
END
  ip_lines host-right <<END
address add 192.168.4.10/24 dev eth0
address add 192.168.5.10/24 dev eth0
END
}

# tunnel_toml NAME GATEWAY PEER LOCAL REMOTE [MORE]
tunnel_toml() {
  cat <<END
[[tunnel]]
name = "$1"
gateway = "$2"
peer = "$3"
local_cidrs = ["$4"]
peer_cidrs = ["$5"]
psk = "a-key-for-$1"
${6:-}
END
}

left_toml() {
  mkdir -p "$scratch/gw-left/conf.d"
  {
    cat <<'END'
[[vpc]]
name = "vpc"
cidrs = ["192.168.1.0/24", "2001:db8:1::/64"]
[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "192.168.1.0/24"
[[subnet]]
name = "lan6"
vpc = "vpc"
cidr = "2001:db8:1::/64"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "lan"
public_address = "203.0.113.1"
[[gateway]]
name = "gw6"
vpc = "vpc"
subnet = "lan6"
public_address = "2001:db8:f::1"
[[peer]]
name = "first"
address = "203.0.113.2"
[[peer]]
name = "second"
address = "203.0.113.12"
[[peer]]
name = "third"
address = "2001:db8:f::2"
[[peer]]
name = "fourth"
address = "2001:db8:f::12"
END
    tunnel_toml to-first gw first 192.168.1.0/24 192.168.3.0/24
    tunnel_toml to-second gw second 192.168.1.0/24 192.168.4.0/24 \
      'ike = { local_id = "left.example.com", peer_id = "right.example.com" }'
    tunnel_toml to-third gw6 third 2001:db8:1::/64 2001:db8:3::/64
    tunnel_toml to-fourth gw6 fourth 192.168.1.0/24 192.168.5.0/24 'ipsec = { protocol = "ah" }'
  } >"$scratch/gw-left/conf.d/site.toml"
}

# It only answers, so that it is gw-left's choice which of its addresses is asked.
right_toml() {
  mkdir -p "$scratch/gw-right/conf.d"
  {
    cat <<'END'
[[vpc]]
name = "vpc"
cidrs = ["192.168.3.0/24", "192.168.4.0/24", "192.168.5.0/24", "2001:db8:3::/64"]
END
    local name
    for name in 192.168.3.0/24 192.168.4.0/24 192.168.5.0/24 2001:db8:3::/64; do
      printf '[[subnet]]\nname = "lan-%s"\nvpc = "vpc"\ncidr = "%s"\n' "${name//[.:\/]/-}" "$name"
    done
    for name in first:203.0.113.2 second:203.0.113.12 third:2001:db8:f::2 fourth:2001:db8:f::12; do
      printf '[[gateway]]\nname = "%s"\nvpc = "vpc"\nsubnet = "lan-192-168-3-0-24"\n' "${name%%:*}"
      printf 'public_address = "%s"\n' "${name#*:}"
    done
    cat <<'END'
[[peer]]
name = "left"
address = "203.0.113.1"
[[peer]]
name = "left6"
address = "2001:db8:f::1"
END
    local respond='start = "respond"'
    tunnel_toml to-first first left 192.168.3.0/24 192.168.1.0/24 "$respond"
    tunnel_toml to-second second left 192.168.4.0/24 192.168.1.0/24 "$respond"'
ike = { local_id = "right.example.com", peer_id = "left.example.com", lifetime_s = 7200 }
ipsec = { lifetime_s = 3600 }'
    tunnel_toml to-third third left6 2001:db8:3::/64 2001:db8:1::/64 "$respond"
    tunnel_toml to-fourth fourth left6 192.168.5.0/24 192.168.1.0/24 "$respond"'
ipsec = { protocol = "ah" }'
  } >"$scratch/gw-right/conf.d/site.toml"
}

tunnel_is() { [ "$(of_one gw-left "$1" "it['$2']")" = "$3" ]; }
spis_of() { of_one gw-left "$1" "[(c['inbound_spi'], c['outbound_spi']) for c in it['children']]"; }
spis_differ() { [ "$(spis_of "$1")" != "$2" ] && tunnel_is "$1" connection connected; }

each_address_has_its_tunnel() {
  say "each of two addresses"
  local tunnel address
  for tunnel in to-first=203.0.113.2 to-second=203.0.113.12 'to-third=[2001:db8:f::2]' \
    'to-fourth=[2001:db8:f::12]'; do
    address=${tunnel#*=}
    expect_eq "$(of_one gw-left "${tunnel%%=*}" "it['ike']['remote']")" "$address:500" \
      "the peer of ${tunnel%%=*}"
    expect_eq "$(of_one gw-right "${tunnel%%=*}" "it['ike']['local']")" "$address:500" \
      "its own end there"
  done
  in_ns host-left ping -q -c 3 -i 0.2 -W 2 192.168.4.10 >&2
  in_ns host-left ping -q -c 3 -i 0.2 -W 2 192.168.5.10 >&2
}

# M77 to M79.
the_kernel_has_what_was_agreed() {
  say "tunnel mode, ESP and AH, and keys of their own"
  local states keys
  states=$(quietly_in_ns gw-left ip xfrm state list)
  expect_eq "$(grep -c 'mode tunnel' <<<"$states")" 8 "SAs in tunnel mode"
  expect_eq "$(grep -cE 'proto (esp|ah) .*mode ' <<<"$states")" 8 "SAs"
  expect_eq "$(grep -c 'proto ah ' <<<"$states")" 2 "SAs of AH"
  keys=$(grep -oE ' 0x[0-9a-f]{32,}' <<<"$states")
  expect_eq "$(wc -l <<<"$keys")" 8 "keys"
  expect_eq "$(sort -u <<<"$keys" | wc -l)" 8 "keys that differ"
}

# M67: of to-second, which came up again and again before the capture's eyes. Its messages were there.
nobody_is_named_on_the_wire() {
  local word
  [ "$(packets capture 'udp port 500 and host 203.0.113.12')" -ge 8 ] || fail "no IKE in the capture"
  for word in left.example.com right.example.com a-key-for-to-second; do
    ! grep -qaF "$word" "$scratch/capture.pcap" || fail "$word is to be read on the wire"
  done
  [ "$(packets capture ah)" -gt 0 ] || fail "no AH on the wire"
  printf 'ok no name and no key on the wire\n' >&2
}

ipv6_carries() {
  say "IPv6 outside and inside, and IPv4 inside of it"
  in_ns host-left ping -q -c 3 -i 0.2 -W 2 2001:db8:3::10 >&2
  in_ns host-right ping -q -c 3 -i 0.2 -W 2 2001:db8:1::10 >&2
  local tunnel
  for tunnel in to-third to-fourth; do
    wait_until 10 "$tunnel carries both ways" tunnel_is "$tunnel" traffic normal
  done
}

# --- beside a change --------------------------------------------------------------------------------

nothing_is_lost_beside_a_change() {
  say "a hundred packets a second, both ways, while the other tunnel is changed"
  local before second
  before=$(spis_of to-first)
  flow_rate=100 flow_between flow 100 64 192.168.1.10,192.168.3.10
  ctl gw-left tunnel set to-second --remarks "to the second"
  second=$(spis_of to-second)
  ctl gw-left tunnel set to-second --dpd-delay-s 9
  wait_until 10 "to-second has other SAs" spis_differ to-second "$second"
  second=$(spis_of to-second)
  ctl gw-left tunnel set to-second --peer-cidrs 192.168.4.0/25
  wait_until 10 "to-second has a smaller range" spis_differ to-second "$second"
  in_ns host-left ping -q -c 1 -W 2 192.168.4.10 >&2
  ctl gw-left tunnel delete to-second --yes
  ctl gw-left apply -f "$scratch/gw-left/conf.d/site.toml" >&2
  wait_until 10 "to-second is there again" tunnel_is to-second connection connected
  # What the last change has broken shows a moment later.
  wait_out 2000
  flow_ends flow
  none_lost flow 200
  expect_eq "$(spis_of to-first)" "$before" "SPIs of to-first"
}

# From a second address it begins as well.
it_comes_up_from_the_other_side() {
  say "gw-right begins, from its second address"
  ctl gw-left tunnel set to-second --start respond
  ctl gw-right tunnel down to-second
  wait_until 10 "to-second has ended" tunnel_is to-second phase1 down
  expect_empty "orders that are obeyed" quietly_in_ns gw-right ipsecctl \
    --run-dir "$scratch/gw-right/run" tunnel up to-second 2>"$scratch/said"
  [[ $(<"$scratch/said") = *"'to-second' has start = respond and only answers"* ]] ||
    fail "up of a tunnel that only answers says: $(<"$scratch/said")"
  ctl gw-right tunnel set to-second --start auto
  wait_until 20 "to-second is connected" tunnel_is to-second connection connected
  expect_eq "$(of_one gw-left to-second "it['ike']['remote']")" "203.0.113.12:500" "the peer of to-second"
  in_ns host-right ping -q -c 3 -i 0.2 -W 2 -I 192.168.4.10 192.168.1.10 >&2
}

main "$@"
