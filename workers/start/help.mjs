/** The output of `npm start -- --help`: every variable that a process of this project reads. */
export const HELP = `Usage: npm start            (npm start -- --help for this text)

Starts the embedded servers, and runs the roles. In a checkout, \`npm start\` first
installs what is missing, and builds. A server is embedded unless its address is set.

  ROLES                    which roles to run: any of write,read,worker,feed,kafka
                           (default: all; kafka only with KAFKA_BROKERS)
  HTTP_HOST                address that the API listens on (127.0.0.1)
  HTTP_PORT                port of the API (8080); 0 takes any free port, for the servers too
  AUTH                     on: requests need an API key or a token; off is possible on a loopback address only (off)
  AUTH_ISSUER              https URL of an OpenID issuer whose access tokens are taken as well
  AUTH_AUDIENCE            what its tokens must have as their audience; set both
  AUTH_SCOPES_CLAIM        their claim that has the scopes (scope)
  ALLOWED_HOSTS            host names of the API besides localhost, HTTP_HOST and IP addresses, by commas
  CORS_ORIGINS             origins whose pages may use the API, such as https://shop.example, by commas (none)
  RATE_LIMIT               requests that a caller may send in a minute, or off (60000 with AUTH=on, else off)
  OPS_PORT                 port of operations and metrics, which are then served there only; with it, a process
                           without an API serves its metrics and its readiness (none)
  HEALTH_PORT              port of a GET /health/live that answers even while the process is busy, for every role (none)
  SANDBOX                  on: sandbox secrets, payments and carriers are allowed on any address
                           (on if HTTP_HOST, Temporal, MongoDB, the keys' server and Kafka are loopback addresses, else off)
  MAX_STREAMS              event streams that this process keeps open at most (200)
  TEMPORAL_ADDRESS         host:port; if set, Temporal is not embedded
  TEMPORAL_NAMESPACE       namespace of the workflows (default)
  TEMPORAL_TASK_QUEUE      task queue of the workflows (orders)
  TEMPORAL_API_KEY         turns TLS on
  TEMPORAL_TLS             true or false; on by default if one of the next four is set
  TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME
                           CA certificate of the Temporal server, and the name in its certificate
  TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH
                           client certificate and its key; set both
  TEMPORAL_PORT            port of the embedded Temporal (7233)
  TEMPORAL_UI_PORT         port of its Web UI (8233)
  TEMPORAL_UI_URL          URL of the Web UI of a Temporal that is not embedded, for links to it
  MONGODB_URI              mongodb://…; if set, MongoDB is not embedded
  MONGODB_DB               database of the orders; the others are named after it (orders)
  MONGODB_PORT             port of the embedded MongoDB (27017)
  KEYS_MONGODB_URI         server of the keys of customers (MONGODB_URI)
  MASTER_KEY_FILE          wraps those keys: one key a line, 32 bytes in base64; the first wraps, all unwrap
                           (one in DATA_DIR while HTTP_HOST and MongoDB are on a loopback interface)
  DATA_DIR                 folder of the embedded servers' files, and of the keys of customers (.data)
  PAYMENT_DEADLINE         how long a payment may stay pending (24h)
  RETURN_WINDOW            how long after its completion an order takes returns (30d)
  AUTHORIZATION_TTL        how long an authorization can be captured (7d)
  CURSOR_SECRET            signs list cursors
  PAYMENTS_WEBHOOK_SECRET  whsec_…, verifies webhooks of the payment provider
  CARRIERS_WEBHOOK_SECRET  whsec_…, verifies webhooks of carriers
                           (the three are lists, by commas: the first one signs, each verifies)
  MONGODB_URI_FILE, KEYS_MONGODB_URI_FILE, TEMPORAL_API_KEY_FILE, CURSOR_SECRET_FILE, PAYMENTS_WEBHOOK_SECRET_FILE, CARRIERS_WEBHOOK_SECRET_FILE
                           files that have these values
  WEBHOOKS_ALLOW_PRIVATE   on: webhooks go to private addresses too, and by http (off)
  KAFKA_BROKERS            host:port of brokers, by commas: events are published, and commands taken, by the role kafka (none)
  KAFKA_TOPIC              the topic of events, and the transactional id (orders.events)
  KAFKA_COMMANDS_TOPIC     the topic of commands, and the consumer group (orders.commands)
  KAFKA_PARTITIONS         of a topic that is made (6)
  KAFKA_EVENTS, KAFKA_CUSTOMERS, KAFKA_TAGS
                           the types of events, the customers and the tags whose events are published, by commas (all)
  KAFKA_PAYLOAD            thin, event or order: ids alone, the event, or it and the order after it (event)
  KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_PASSWORD_FILE
                           for SASL; set both
  KAFKA_SASL_MECHANISM     PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (SCRAM-SHA-512)
  KAFKA_TLS                true or false; on by default if one of the next four is set
  KAFKA_TLS_SERVER_CA_CERT_PATH, KAFKA_TLS_SERVER_NAME
                           CA certificate of the brokers, and the name in their certificates
  KAFKA_TLS_CLIENT_CERT_PATH, KAFKA_TLS_CLIENT_KEY_PATH
                           client certificate and its key; set both
  PAYMENTS, INVENTORY      the payment provider and the inventory: sandbox, or the path of a module of your own
                           that implements the port: docs/guides/own-provider.md (sandbox)
  CARRIERS                 the carriers, likewise (sandbox with SANDBOX=on; else none, and every label is refused)
  TRACK_INTERVAL           how often a carrier is asked about a parcel that is on its way (1h)
  RECONCILE_INTERVAL       how often Temporal and MongoDB are compared (5m)
  ATTENTION_AFTER          how long something may be owed before it needs an operator (5m)
  CONTINUE_AS_NEW_AFTER    history events until an order continues as new (the server's suggestion)
  LOG_LEVEL                trace, debug, info, warn, error, fatal or silent (info)
`;
