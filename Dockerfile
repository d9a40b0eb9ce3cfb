# The image of all roles. The variable ROLES says which of them a container runs.
# It is Debian and not Alpine, because the native core of the Temporal SDK needs glibc.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY workers workers
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
# The SDK's native core checks Temporal's TLS certificate against the system's CA certificates.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production HTTP_HOST=0.0.0.0
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# The client scripts run in any folder of the image, such as `orders list`.
COPY --from=build /app/src/cli/orders.mjs src/cli/orders.mjs
RUN ln -s /app/src/cli/orders.mjs /usr/local/bin/orders
# Keys of customers wait here while the key store is unavailable, so the folder needs a volume.
RUN install --directory --mode=700 --owner=node --group=node /app/.data
VOLUME /app/.data
USER node
EXPOSE 8080
CMD ["node", "--enable-source-maps", "dist/workers/main.js"]
