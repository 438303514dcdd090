# shellcheck shell=bash
# What the scenarios of exports share: four tunnels in TOML, told to charon by what `export_tool`
# prints of them for the peer's side, and to first_contact by hand. Nothing is edited on the way.
#
#   e1  nothing named: the peer gets all of `auto`; charon begins
#   e2  named algorithms and PFS, several ranges, names as identities; we begin
#   e3  AH, a key with quotes, blanks' neighbours and signs in it; charon begins
#   e4  no PFS, a key id and an e-mail address as identities, encapsulation; we begin
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "${BASH_SOURCE[0]}")/charon.sh"

readonly odd_key="a'b\"c;{}#=\\:d"

write_toml() {
  cat >"$scratch/site.toml" <<'END'
[[vpc]]
name = "prod"
cidrs = ["10.1.0.0/16"]
[[subnet]]
name = "all"
vpc = "prod"
cidr = "10.1.0.0/16"
END
  local n
  for n in 1 2 3 4; do print_tunnel "$n" "address = \"10.9.0.2\""; done >>"$scratch/site.toml"
}

print_tunnel() {
  local n=$1
  cat <<END
[[gateway]]
name = "gw$n"
vpc = "prod"
subnet = "all"
public_address = "10.9.1.$n"
[[peer]]
name = "p$n"
$2
[[tunnel]]
name = "e$n"
gateway = "gw$n"
peer = "p$n"
END
  settings_of "$n"
}

settings_of() {
  case $1 in
    1) cat <<'END' ;;
local_cidrs = ["10.1.1.0/24"]
peer_cidrs = ["10.2.1.0/24"]
psk = "correct-horse-battery"
start = "respond"
END
    2) cat <<'END' ;;
local_cidrs = ["10.1.2.0/25", "10.1.2.128/25"]
peer_cidrs = ["10.2.2.0/24", "10.2.22.0/24"]
psk = "0x-is-no-number"
start = "traffic"
ike = { encryption = ["aes256"], integrity = ["sha384"], dh = [20], local_id = "cloud.example.com", peer_id = "office.example.com" }
ipsec = { encryption = ["aes128gcm16"], pfs = [19] }
END
    3) cat <<END ;;
local_cidrs = ["10.1.3.0/24"]
peer_cidrs = ["10.2.3.0/24"]
psk = '''$odd_key'''
start = "respond"
ipsec = { protocol = "ah", integrity = ["sha256"] }
END
    4) cat <<'END' ;;
local_cidrs = ["10.1.4.0/24"]
peer_cidrs = ["10.2.4.0/24"]
psk = "correct-horse-battery-4"
start = "traffic"
force_encapsulation = true
ike = { local_id = "key:cloud-4", peer_id = "office@example.com" }
ipsec = { pfs = ["none"], lifetime_kb = 1000000 }
END
  esac
}

# export_all FORMAT: all four, one behind the other.
export_all() {
  local n
  for n in 1 2 3 4; do export_tool "$scratch/site.toml" "e$n" "$1" peer; done
}

tell_ours() {
  tell "tunnel name=e1 local=10.9.1.1 remote=10.9.0.2 local_ts=10.1.1.0/24 remote_ts=10.2.1.0/24" \
    "psk=correct-horse-battery start=respond"
  tell "tunnel name=e3 local=10.9.1.3 remote=10.9.0.2 local_ts=10.1.3.0/24 remote_ts=10.2.3.0/24" \
    "psk=$odd_key ah=sha256 start=respond"
}

tell_ours_to_begin() {
  tell "tunnel name=e2 local=10.9.1.2 remote=10.9.0.2 local_ts=10.1.2.0/25,10.1.2.128/25" \
    "remote_ts=10.2.2.0/24,10.2.22.0/24 psk=0x-is-no-number ike=aes256-sha384-ecp384" \
    "esp=aes128gcm16-ecp256 local_id=cloud.example.com remote_id=office.example.com"
  tell "tunnel name=e4 local=10.9.1.4 remote=10.9.0.2 local_ts=10.1.4.0/24 remote_ts=10.2.4.0/24" \
    "psk=correct-horse-battery-4 encap=yes local_id=key:cloud-4 remote_id=office@example.com"
}

expect_all_up() {
  local n
  for n in 1 2 3 4; do wait_until 20 "tunnel e$n is up" says "child-up e$n "; done
  expect_same_keys 8
  expect_no_failures
}
