# Builds the published package and runs it as a user without rights. CI has no container engine and does not test this.
#   docker build -t ringmaster .
#   docker run --network host -v "$PWD/conf/ringmaster.yml:/etc/ringmaster/ringmaster.yml:ro" ringmaster
# Without --network host, pools and admin must listen on 0.0.0.0 inside the container and be published with -p.

FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The image has the right Node already; the package `node` need not fetch another.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /opt/ringmaster
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY LICENSE ./
RUN ln -s /opt/ringmaster/dist/main.js /usr/local/bin/ringmaster
USER node
STOPSIGNAL SIGTERM
ENTRYPOINT ["ringmaster"]
CMD ["-c", "/etc/ringmaster/ringmaster.yml"]
