#!/bin/sh
# Takes one order through its life with curl. ORDERS_URL is the address of the API.
#
#     sh examples/curl.sh
set -eu
api=${ORDERS_URL:-http://127.0.0.1:8080}
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# post PATH BODY [OPTION]...: sends a command, and waits at most 10 s until the order is at rest.
post() {
  path=$1 body=$2
  shift 2
  curl --silent --show-error --fail-with-body "$api$path" \
    -H 'content-type: application/json' -H 'prefer: wait=10' -d "$body" "$@"
}

# field NAME: the first text of that name in the JSON on standard input.
field() {
  grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}

order='{
  "customer": {"id": "c-1", "name": "Ada Example"}, "currency": "EUR",
  "lines": [{"sku": "A-1", "quantity": 2, "unitPrice": 1999}], "payment": {"method": "tok_ok"}}'
id=$(post /v1/orders "$order" -H "idempotency-key: $key" | field orderId)
echo "created $id"

# The same key and body again: the same order, and not another one.
echo "again $(post /v1/orders "$order" -H "idempotency-key: $key" | field orderId)"

shipment=$(post "/v1/orders/$id/shipments" '{}' | field shipmentId)
post "/v1/orders/$id/shipments/$shipment/dispatch" '{"carrier": "DHL", "trackingNumber": "00340434"}' >/dev/null
post "/v1/orders/$id/shipments/$shipment/deliver" '{}' >/dev/null

# The order, with no answer older than what was done. Then its events as they happened; -N shows a stream as it comes.
curl --silent --show-error --fail-with-body "$api/v1/orders/$id?consistency=strong" | field status
curl --silent --show-error -N --max-time 3 "$api/v1/orders/$id/stream" | grep '^id:' || true
