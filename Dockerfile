# Builds the published package and runs it as a user without rights. CI has no container engine and does not test this.
#   docker build -t ringmaster .
#   docker run --network host -v "$PWD/conf/ringmaster.yml:/etc/ringmaster/ringmaster.yml:ro" ringmaster
# Without --network host, pools and admin must listen on 0.0.0.0 inside the container and be published with -p; see
# deploy/docker/compose.yml. Nothing is written inside it: --read-only is fine.

FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The image has the right Node already; the package `node` need not fetch another.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
# What packages bring for their own builds and readers is not run.
RUN npm run build && npm prune --omit=dev --ignore-scripts \
 && find node_modules -type f \( -name '*.map' -o -name '*.md' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete

FROM node:26-slim AS files
# Node alone: no npm, no headers.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share /opt/yarn* /usr/share/doc /usr/share/man \
 && find /usr/local/bin -mindepth 1 ! -name node -delete
WORKDIR /opt/ringmaster
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY LICENSE ./
RUN ln -s /opt/ringmaster/dist/main.js /usr/local/bin/ringmaster

# One layer, without what was deleted above.
FROM scratch
COPY --from=files / /
ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=production RINGMASTER_HEALTH=http://127.0.0.1:22223/healthz
WORKDIR /opt/ringmaster
USER 1000:1000
STOPSIGNAL SIGTERM
# The master lives. Where `admin` of the configuration listens elsewhere: -e RINGMASTER_HEALTH=http://…/healthz
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(process.env.RINGMASTER_HEALTH).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["ringmaster"]
CMD ["-c", "/etc/ringmaster/ringmaster.yml"]
