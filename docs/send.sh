#!/bin/sh
# Sends one message to a paired agent with nothing but jq, openssl and curl (docs/PROTOCOL.md section 3):
#   SENTO_HOME=~ sh docs/send.sh kai "hello from a shell script"
set -eu
peer() { jq -er --arg name "$name" ".agents[\$name].$1" "${SENTO_HOME:-$HOME}/.sento-config.json"; }
byte() { printf "\\$(printf %03o "$1")"; }
# The key is padded here, in the shell, because openssl takes it only as an argument, which anybody could read.
pad() { for hex in $(peer sendKey | fold -w2); do byte $((0x$hex ^ $1)); done; for _ in $(seq 32); do byte "$1"; done; }
hmac() { { pad 92; { pad 54; printf %s "$1"; } | openssl dgst -sha256 -binary; } | openssl dgst -sha256 -r | cut -c1-64; }
name=$1
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
# A UUIDv7: 48 bits of milliseconds, then random bits.
id=$(printf '%012x%s' "$(date +%s)000" "$(openssl rand -hex 10)" |
  sed -E 's/^(.{8})(.{4})(.{3})(.{3})(.{12}).*/\1-\2-7\3-a\4-\5/')
body=$(jq -cn --arg id "$id" --arg now "$now" --arg text "$2" '{v:1, id:$id, timestamp:$now, type:"message", text:$text}')
printf %s "$body" | curl -sS --fail-with-body "http://$(peer host):$(peer port)/v1/messages" --data-binary @- \
  -H "Content-Type: application/json" -H "X-Sento-Pair: $(peer id)" \
  -H "X-Sento-Timestamp: $now" -H "X-Sento-Signature: $(hmac "$body")"
echo
