# shellcheck shell=bash
# Gateways behind routers that hide them: sourced in place of gateways.sh. A router's devices are
# `inside` and `outside`.
#
#   nat_maps_to NS PORTS [INNER]     the router hides what is inside, and takes the ports of port 4500
#                                    from this range; where INNER is given, IKE from outside comes
#                                    to it
#   nat_is_off NS                    it routes, and no more
#   line_has NS ADDRESS VIA          the router's outside address; a masquerade forgets what it knew
#                                    of the one before, or of the same one
#   site NS SUBNET PUBLIC INNER      begins a file that is applied: a gateway with a private address
#   site_peer NS NAME ADDRESS
#   site_tunnel NS NAME PEER PEER_SUBNET LOCAL_ID [PEER_ID]
#                                    from the newest subnet of the site; what $site_ike says goes
#                                    into its IKE policy, and $site_more into the tunnel
#   more_of_site NS SUBNET           another subnet
#   seen_at NS EXPRESSION            of what status says of $tunnel there, as Python sees it: `it`,
#                                    its `ike` or {}
#   is_at NS EXPRESSION VALUE
#   remote_is NS ADDRESS FIRST LAST  the peer's end as $tunnel of NS sees it; the ports it may have
#   spis_at NS, spis_differ_from NS SPIS
#
# By iptables: user-mode Linux has no NAT by nftables.
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "${BASH_SOURCE[0]}")/gateways.sh"

tunnel=to-other

nat_maps_to() {
  local let_in=''
  [ -z "${3:-}" ] ||
    let_in="-A PREROUTING -i outside -p udp -m multiport --dports 500,4500 -j DNAT --to-destination $3"
  route_with "$1" "$let_in
-A POSTROUTING -o outside -p udp --sport 4500 -j MASQUERADE --to-ports $2
-A POSTROUTING -o outside -j MASQUERADE" '-A FORWARD -i outside -o outside -j DROP'
}

nat_is_off() {
  route_with "$1" '' ''
  in_ns "$1" conntrack -F 2>/dev/null
}

# route_with NS NAT FILTER: each table at once. Nothing that comes from outside goes there again. Of
# what it does not know it says nothing, as an answer would quote the packet. Flows keep what they have
# under other rules, until they are forgotten.
route_with() {
  local rules="*nat
$2
COMMIT
*filter
-A OUTPUT -o outside -p icmp --icmp-type destination-unreachable -j DROP
$3
COMMIT"
  print_line "$1" "iptables-legacy-restore <<<${rules@Q}"
  "${enter[@]}" "$1-$$" iptables-legacy-restore <<<"$rules"
}

line_has() {
  ip_lines "$1" <<END
address flush dev outside
address add $2/24 dev outside
route add default via $3
END
}

site() {
  mkdir -p "$scratch/$1/conf.d"
  site_subnet=192.168.$2.0/24
  cat >"$scratch/$1/conf.d/site.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["$site_subnet"]
[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "$site_subnet"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "lan"
public_address = "$3"
local_address = "$4"
END
}

site_peer() {
  printf '[[peer]]\nname = "%s"\naddress = "%s"\n' "$2" "$3" >>"$scratch/$1/conf.d/site.toml"
}

site_tunnel() {
  cat >>"$scratch/$1/conf.d/site.toml" <<END
[[tunnel]]
name = "$2"
gateway = "gw"
peer = "$3"
local_cidrs = ["$site_subnet"]
peer_cidrs = ["192.168.$4.0/24"]
psk = "a-key-for-tests-only"
ike = { local_id = "$5"${6:+, peer_id = \"$6\"}${site_ike:+, $site_ike} }
${site_more:-}
END
}

more_of_site() {
  local file=$scratch/$1/conf.d/site.toml
  site_subnet=192.168.$2.0/24
  sed -i "s|^cidrs = \[\(.*\)\]|cidrs = [\1, \"$site_subnet\"]|" "$file"
  printf '[[subnet]]\nname = "lan-%s"\nvpc = "vpc"\ncidr = "%s"\n' "$2" "$site_subnet" >>"$file"
}

seen_at() { of_one "$1" "$tunnel" "$2"; }
is_at() { [ "$(seen_at "$1" "$2")" = "$3" ]; }

remote_is() {
  local remote
  remote=$(seen_at "$1" "ike.get('remote')")
  echo "$remote"
  [ "${remote%:*}" = "$2" ] && [ "${remote##*:}" -ge "$3" ] && [ "${remote##*:}" -le "$4" ]
}

# Once each: a packet that met the move of an SA waits in an entry of the kernel's with the same SPI.
spis_at() { quietly_in_ns "$1" ip xfrm state list nokeys | awk '$1 == "proto" { print $4 }' | sort -u; }
spis_differ_from() {
  local now
  now=$(spis_at "$1")
  [ -n "$now" ] && [ "$now" != "$2" ]
}
