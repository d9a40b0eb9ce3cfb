#!/bin/sh
# Takes one order through its life with curl. ORDERS_URL is the address of the API, and ORDERS_KEY
# an API key.
#
#     sh examples/curl.sh
set -eu
api=${ORDERS_URL:-http://127.0.0.1:8080}
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# call PATH [OPTION]...: sends a request, with the key if there is one.
call() {
  path=$1
  shift
  curl --silent --show-error --fail "$api$path" \
    ${ORDERS_KEY:+-H "authorization: Bearer $ORDERS_KEY"} "$@"
}

# post PATH BODY [OPTION]...: sends a command, and waits at most 10 s until the order is at rest.
post() {
  path=$1 body=$2
  shift 2
  call "$path" -H 'content-type: application/json' -H 'prefer: wait=10' -d "$body" "$@"
}

# field NAME JSON: the first text of that name.
field() {
  printf '%s' "$2" | grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}

order='{
  "customer": {"id": "c-1", "name": "Ada Example"}, "currency": "EUR",
  "lines": [{"sku": "A-1", "quantity": 2, "unitPrice": 1999}], "payment": {"method": "tok_ok"}}'
created=$(post /v1/orders "$order" -H "idempotency-key: $key")
id=$(field orderId "$created")
echo "created $id"

# The same key and body give the same order, and do not make another one.
again=$(post /v1/orders "$order" -H "idempotency-key: $key")
echo "again $(field orderId "$again")"

shipped=$(post "/v1/orders/$id/shipments" '{}')
shipment=$(field shipmentId "$shipped")
post "/v1/orders/$id/shipments/$shipment/dispatch" '{"carrier": "DHL", "trackingNumber": "00340434"}' >/dev/null
post "/v1/orders/$id/shipments/$shipment/deliver" '{}' >/dev/null

# Reads the order; with consistency=strong it is never older than the commands above. Then reads its
# events as they happened; with -N, curl shows a stream as it arrives.
read=$(call "/v1/orders/$id?consistency=strong")
field status "$read"
call "/v1/orders/$id/stream" -N --max-time 3 2>/dev/null | grep '^id:' || true
