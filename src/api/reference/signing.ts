/** Code with which a sender signs a webhook, by language. Tests run each example. */
export const signing = {
  ts: `import { createHmac, randomUUID } from 'node:crypto';

const { ORDERS_URL = 'http://127.0.0.1:8080', WEBHOOK_SECRET = '' } = process.env;
const body = JSON.stringify({
  type: 'payment.authorized',
  data: { orderId: 'example', reference: 'example:authorize:2', authorizationId: 'auth_1' },
});
const id = randomUUID();
const timestamp = Math.floor(Date.now() / 1000);
const key = Buffer.from(WEBHOOK_SECRET.replace('whsec_', ''), 'base64');
const signature = createHmac('sha256', key).update(\`\${id}.\${timestamp}.\${body}\`).digest('base64');
const response = await fetch(\`\${ORDERS_URL}/v1/webhooks/payments\`, {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': \`v1,\${signature}\`,
  },
  body,
});
console.log(response.status);
`,
  python: `import base64, hashlib, hmac, json, os, time, urllib.request, uuid

url = os.environ.get("ORDERS_URL", "http://127.0.0.1:8080")
body = json.dumps({
    "type": "payment.authorized",
    "data": {"orderId": "example", "reference": "example:authorize:2", "authorizationId": "auth_1"},
})
id = str(uuid.uuid4())
timestamp = str(int(time.time()))
key = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
signed = hmac.new(key, f"{id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
request = urllib.request.Request(f"{url}/v1/webhooks/payments", data=body.encode(), headers={
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": "v1," + base64.b64encode(signed).decode(),
})
print(urllib.request.urlopen(request).status)
`,
  sh: `url=\${ORDERS_URL:-http://127.0.0.1:8080}
body='{"type":"payment.authorized","data":{"orderId":"example","reference":"example:authorize:2","authorizationId":"auth_1"}}'
id=$(openssl rand -hex 16)
timestamp=$(date +%s)
key=$(printf %s "\${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')
signature=$(printf %s "$id.$timestamp.$body" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
curl -s -o /dev/null -w '%{http_code}\\n' "$url/v1/webhooks/payments" \\
  -H 'content-type: application/json' -H "webhook-id: $id" \\
  -H "webhook-timestamp: $timestamp" -H "webhook-signature: v1,$signature" -d "$body"
`,
} as const;

/** How a sender signs a webhook, as Markdown. */
export const signingInWords = `A message is signed by the scheme of [Standard Webhooks](https://www.standardwebhooks.com): HMAC-SHA256
over \`<webhook-id>.<webhook-timestamp>.<body>\`, with the bytes of the secret after \`whsec_\`. The id
identifies the message: one that is sent again with the same id changes nothing. In TypeScript:

\`\`\`ts
${signing.ts}\`\`\`

In Python:

\`\`\`python
${signing.python}\`\`\`

In a shell, with openssl and curl:

\`\`\`sh
${signing.sh}\`\`\`
`;
