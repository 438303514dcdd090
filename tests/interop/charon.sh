# shellcheck shell=bash
# What the scenarios of this directory share, on top of those of tests/netns: our engine in
# first_contact on one side, Debian's charon on the other.
#
#      ours                                   charon
#      eth0 --------------------------------- eth0
#      10.9.0.1, 10.9.1.1 to 10.9.1.40        10.9.0.2
#
# Each tunnel takes an address of its own on our side, 10.9.1.N: so charon cannot take one for
# another, whatever of it is wrong. N also gives the networks behind: ours 10.1.N.0/24, charon's
# 10.2.N.0/24.
#
#   tell COMMAND...              a command to first_contact
#   our_tunnel N KEY=VALUE...    configures tunnel tN there
#   connection N KEY=VALUE...    prints charon's connection cN; keys with `local.`, `remote.` or
#                                `child.` in front go into these sections; its child is nN, or
#                                what `child_name` says: swanctl takes those of one name at once
#   load_connections             gives charon the connections on standard input
#   swan ARGUMENTS...            swanctl
#   our_status FIELD             a number of first_contact's status
#   our_sas, charon_ike_sas, charon_children
#                                what each side holds now, a line each
#   expect_same_keys COUNT       charon's kernel has that many SAs; we have the same keys for each
#   expect_clean_capture NAME [CIPHER...]
#                                every message deciphered, nothing that tshark finds fault with
# shellcheck source-path=SCRIPTDIR source=../netns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

PATH=${IPSECD_BUILD_DIR:-$repository/build/release}/tests/interop:$PATH
readonly charon_program=/usr/lib/ipsec/charon
readonly charon_plugins="aesni aes sha2 sha1 md5 random nonce x509 pubkey pkcs1 pem openssl gmp
  hmac kdf gcm ctr chapoly drbg curve25519 kernel-netlink socket-default updown vici"
readonly our_addresses=40
readonly our_key_files=("$scratch/sas" "$scratch/ikev2_decryption_table"
  "$scratch/ikev1_decryption_table")

# For scenarios in which something else starts charon: its command, and the plugin it speaks to.
charon_launch=$charon_program charon_more_plugins=''
# And those that have it elsewhere.
charon_namespace=charon

# start_both [CHARON_SETTING...]
start_both() {
  make_both_ends
  start_charon "$@"
  start_ours
  wait_until 20 "charon is ready" test -S "$scratch/charon.vici"
  wait_until 10 "first_contact is ready" log_says ours ready
}

make_both_ends() {
  say "our engine and charon"
  [ -x "$charon_program" ] || fail "no $charon_program: run scripts/setup"
  make_namespace ours charon
  link ours eth0 charon eth0
  local n
  {
    echo "address add 10.9.0.1/16 dev eth0"
    for ((n = 1; n <= our_addresses; n++)); do echo "address add 10.9.1.$n/16 dev eth0"; done
    echo "link set eth0 up"
  } | ip -n "ours-$$" -batch -
  printf '%s\n' "address add 10.9.0.2/16 dev eth0" "link set eth0 up" | ip_lines charon
}

start_ours() {
  start ours ours first_contact --commands "$scratch/commands" --sas "${our_key_files[0]}" \
    --export-keys "${our_key_files[1]}" --export-v1-keys "${our_key_files[2]}"
  exec {our_words}<"$scratch/ours.log"  # subshells read on where another has stopped
}

start_charon() {
  cat >"$scratch/strongswan.conf" <<END
charon {
  load = ${charon_plugins//$'\n'/ } $charon_more_plugins
  install_routes = no
  dh_exponent_ansi_x9_42 = no
  filelog {
    f {
      path = $scratch/charon-says.log
      default = 1
      flush_line = yes
    }
  }
  plugins {
    vici {
      socket = unix://$scratch/charon.vici
    }
    stroke {
      socket = unix://$scratch/charon.stroke
      secrets_file = $scratch/ipsec.secrets
    }
  }
$(printf '  %s\n' "$@")
}
# Each start of it reads all that it may ever need, which takes 0.3 s of user-mode Linux; it needs none.
swanctl {
  load = random
}
END
  # Its process id file is its own: another scenario's charon may run beside it.
  : >"$scratch/charon.pid"
  : >>/run/charon.pid
  start "$charon_namespace" charon unshare -m env STRONGSWAN_CONF="$scratch/strongswan.conf" bash -c \
    "mount --bind $scratch/charon.pid /run/charon.pid && exec $charon_launch"
}

stop_both() {
  stop ours
  stop charon
}

swan() {
  printf '[%s] swanctl %s\n' "$charon_namespace" "$*" >&2
  STRONGSWAN_CONF=$scratch/strongswan.conf swanctl "$@" --uri "unix://$scratch/charon.vici" \
    >>"$scratch/swanctl.log" 2>&1
}

tell() {
  printf '[ours] %s\n' "$*" >&2
  printf '%s\n' "$*" >"$scratch/commands"
}

# --- tunnels -----------------------------------------------------------------------------------

our_tunnel() {
  local n=$1
  shift
  tell "tunnel name=t$n local=10.9.1.$n remote=10.9.0.2 local_ts=10.1.$n.0/24" \
    "remote_ts=10.2.$n.0/24 $*"
}

connection() {
  local n=$1 setting top="" own="" peer="" child=""
  shift
  for setting in version=2 local_addrs=10.9.0.2 "remote_addrs=10.9.1.$n" local.auth=psk \
    local.id=10.9.0.2 remote.auth=psk "remote.id=10.9.1.$n" "child.local_ts=10.2.$n.0/24" \
    "child.remote_ts=10.1.$n.0/24" "$@"; do
    # What comes later wins: charon takes the last of two.
    case $setting in
      local.*) own+="${setting#local.}"$'\n' ;;
      remote.*) peer+="${setting#remote.}"$'\n' ;;
      child.*) child+="${setting#child.}"$'\n' ;;
      *) top+="$setting"$'\n' ;;
    esac
  done
  printf 'connections {\n c%s {\n%s local {\n%s }\n remote {\n%s }\n' "$n" "$top" "$own" "$peer"
  printf ' children {\n %s {\n%s }\n }\n }\n}\n' "${child_name:-n$n}" "$child"
}

# As swanctl.conf has them; a scenario may have others.
charon_secrets=$'ike-any {\n secret = secret\n}'

load_connections() {
  {
    cat
    printf 'secrets {\n%s\n}\n' "$charon_secrets"
  } >"$scratch/swanctl.conf"
  swan --load-all --file "$scratch/swanctl.conf"
}

# --- checks ------------------------------------------------------------------------------------

says() { log_says ours "$1"; }
charon_says() { log_says charon-says "$1"; }

# says_times COUNT WORDS
says_times() {
  local count
  count=$(grep -cF -- "$2" "$scratch/ours.log") || true
  echo "$count times"
  [ "$count" -ge "$1" ]
}

# charon_says_times COUNT WORDS: in exactly so many lines.
charon_says_times() {
  local count
  count=$(grep -cF -- "$2" "$scratch/charon-says.log") || true
  echo "$count times"
  [ "$count" = "$1" ]
}

# our_status FIELD: of the newest status, asked for now.
our_status() {
  local status
  status=$(ask_status)
  status=${status%%$'\n'*}
  [[ $status =~ \ $1=([0-9]+) ]]
  echo "${BASH_REMATCH[1]}"
}

# our_drops REASON: how many messages were dropped for it, and 0 where none was.
our_drops() {
  local status
  status=$(ask_status)
  status=${status%%$'\n'*}
  if [[ $status = *"'$1'="* ]]; then status=${status#*"'$1'="}; else status=0; fi
  echo "${status%% *}"
}

# Prints the status asked for, a line each. It is used in what is polled for, so it does not poll
# itself, and starts no program: all it is to find is new in the log.
ask_status() {
  local line='' part tries
  tell status
  for ((tries = 0; tries < 200; tries++)); do
    while IFS= read -r part <&"$our_words"; do
      line+=$part
      case $line in
        status-end) return ;;
        status*) echo "$line" ;;
      esac
      line=''
    done
    line+=$part
    pause_us "$poll_at_first_us"
  done
  fail "no status from first_contact"
}

# "tN ike=COUNT children=COUNT", a line a tunnel.
our_sas() {
  local word name ike children _ by_number=()
  while read -r word name _ ike children _; do
    if [ "$word" = status-tunnel ]; then by_number[${name#t}]="$name $ike $children"; fi
  done <<<"$(ask_status)"
  printf '%s\n' "${by_number[@]}"
}

# Of charon, "cN NUMBER STATE"; the number is the SA's own, and new after a rekey.
charon_ike_sas() { listed '^(c[0-9]+): #([0-9]+), ([A-Z]+)'; }
# "nN NUMBER STATE"
charon_children() { listed '^  (n[0-9]+): #([0-9]+), reqid [0-9]+, ([A-Z]+)'; }

listed() {
  local sas line
  sas=$(list_sas) || return
  while IFS= read -r line; do
    if [[ $line =~ $1 ]]; then echo "${BASH_REMATCH[*]:1}"; fi
  done <<<"$sas"
}

list_sas() {
  STRONGSWAN_CONF=$scratch/strongswan.conf swanctl --list-sas --uri "unix://$scratch/charon.vici"
}

charon_has_sas() {
  local lines
  mapfile -t lines < <(charon_sas)
  [ ${#lines[@]} = "$1" ]
}

# Of charon's kernel, as first_contact writes them: SPI PROTOCOL CIPHER KEY INTEGRITY KEY. An SPI
# that is only held (type 0 with no algorithms) is left out.
charon_sas() {
  quietly_in_ns "$charon_namespace" ip xfrm state list | awk '
    function flush() { if (spi != "" && cipher auth != "--") print spi, proto, cipher, ckey, auth, akey }
    $1 == "src" { flush(); spi = ""; cipher = ckey = auth = akey = "-" }
    $1 == "proto" { proto = $2; spi = $4 }
    $1 == "enc" || $1 == "aead" { cipher = $2; if ($3 ~ /^0x./) ckey = $3 }
    $1 == "auth" || $1 == "auth-trunc" { auth = $2; akey = $3 }
    END { flush() }'
}

expect_same_keys() {
  local line count=0 ours
  wait_until 5 "charon has $1 SAs" charon_has_sas "$1"
  ours=$'\n'$(<"${our_key_files[0]}")$'\n'
  while read -r line; do
    count=$((count + 1))
    [[ $ours = *$'\n'"$line"$'\n'* ]] || fail "charon's SA ${line%% *} is not ours, or has other keys"
  done < <(charon_sas)
  expect_eq "$count" "$1" "SAs with the same keys on both sides"
}

# expect_clean_capture NAME [CIPHER...]: the messages of SAs with one of these ciphers, which
# Wireshark does not know, stay opaque, and there must be some of each.
#
# Wireshark reads its tables from the directory that also holds the rest of its configuration. Of
# IKEv1 it deciphers what is sent again as if it were the next message, and after that nothing right:
# so what was there before, byte for byte behind the UDP header, is taken out first.
expect_clean_capture() {
  local capture=$1 faults opaque table=$scratch/wireshark/ikev2_decryption_table
  local once=$scratch/$1.once.pcap
  mkdir -p "$scratch/wireshark"
  grep -v '^#' "${our_key_files[1]}" | sort -u >"$table"
  cp "${our_key_files[2]}" "$scratch/wireshark/"
  editcap -I 42 -D 100000 "$scratch/$capture.pcap" "$once" 2>"$scratch/editcap.log"
  WIRESHARK_CONFIG_DIR=$scratch/wireshark tshark -n -r "$once" -Y isakmp -T fields \
    -e frame.number -e isakmp.exchangetype -e isakmp.typepayload -e _ws.expert.severity \
    -e _ws.expert.message -e isakmp.enc.decrypted -e _ws.malformed -e isakmp.ispi -e isakmp.flag_e \
    >"$scratch/$capture.messages" 2>"$scratch/tshark.log"
  # Severities are numbers: 0x600000 is a warning, 0x800000 an error.
  faults=$(awk -F '\t' '{ n = split($4, s, ","); for (i = 1; i <= n; i++)
    if (s[i] + 0 >= 6291456) print $1 ": " $5 } $7 != "" { print $1 ": malformed" }' \
    "$scratch/$capture.messages")
  [ -z "$faults" ] || fail "tshark finds fault with $capture:"$'\n'"$faults"
  opaque=$(opaque_messages "$capture")
  shift
  expect_eq "$(sort -u <<<"$opaque" | paste -sd ' ')" "$*" "ciphers unknown to tshark in $capture"
  [ -s "$scratch/$capture.messages" ] || fail "no messages in $capture"
  printf 'ok %s messages of %s decoded\n' "$(wc -l <"$scratch/$capture.messages")" "$capture" >&2
}

# The cipher of each message that was not deciphered: as first_contact remarks on its SA, else what
# message it is. Of IKEv1, whose encrypted messages have a flag, tshark shows no payloads then.
opaque_messages() {
  awk -F '\t' -v remarks="${our_key_files[1]}" '
    BEGIN { while ((getline line <remarks) > 0)
      if (split(line, words, "[ ,]") == 4 && words[1] == "#") cipher[words[2]] = words[4] }
    ($9 == "" && $2 >= 35 && $6 == "") || ($9 == 1 && $3 == "") {
      print ($8 in cipher) ? cipher[$8] : "message " $1 " exchange " $2 }' \
    "$scratch/$1.messages"
}

# For scenarios in which nothing may go wrong.
expect_no_failures() {
  local words
  for words in try-failed exchange-failed ike-down wrong:; do
    if says "$words"; then fail "there was '$words' on our side"; fi
  done
}
