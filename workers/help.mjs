/** The text of `npm start -- --help`: all environment variables of a process. */
export const HELP = `Usage: npm start            (npm start -- --help for this text)

Installs what is missing, builds, starts the embedded servers that no address is set for, and runs the roles.

  ROLES                    all of write,read,worker,feed; any of them, separated by commas
  HTTP_HOST, HTTP_PORT     127.0.0.1, 8080; port 0 is any free one, for the embedded servers too
  MAX_STREAMS              200; event streams that may be open to this process at once
  TEMPORAL_ADDRESS         host:port; when set, no Temporal is embedded
  TEMPORAL_NAMESPACE       default
  TEMPORAL_TASK_QUEUE      orders
  TEMPORAL_API_KEY         turns TLS on
  TEMPORAL_TLS             true or false; implied by any of
                           TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME,
                           TEMPORAL_TLS_CLIENT_CERT_PATH with TEMPORAL_TLS_CLIENT_KEY_PATH
  TEMPORAL_PORT            7233, of the embedded Temporal
  TEMPORAL_UI_PORT         8233, of its Web UI
  MONGODB_URI              mongodb://…; when set, no MongoDB is embedded
  MONGODB_DB               orders
  MONGODB_PORT             27017, of the embedded MongoDB
  DATA_DIR                 .data, the files of the embedded servers
  PAYMENT_DEADLINE         24h, how long a payment may stay pending
  RETURN_WINDOW            30d, from delivery to the close of an order
  AUTHORIZATION_TTL        7d, how long an authorization can be captured
  CURSOR_SECRET            signs list cursors
  PAYMENTS_WEBHOOK_SECRET  whsec_…, of the payment provider's webhooks
  CARRIERS_WEBHOOK_SECRET  whsec_…, of the carriers' webhooks
                           (the secrets have sandbox defaults while HTTP_HOST is a loopback address)
  RECONCILE_INTERVAL       5m, how often Temporal and MongoDB are compared
  ATTENTION_AFTER          5m, age from which owed effects and pending payments need a person
  CONTINUE_AS_NEW_AFTER    history events after which an order continues as new; the server's suggestion
  LOG_LEVEL                info; trace, debug, info, warn, error, fatal or silent
`;
