# An S3-compatible store over a folder, built from source: Go checks the module's hash, and no image has to be trusted to stay.

FROM golang:1.25.1-alpine3.22 AS build
RUN CGO_ENABLED=0 GOBIN=/out go install -trimpath github.com/versity/versitygw/cmd/versitygw@v1.8.0

FROM alpine:3.22.1
RUN adduser -D -H -u 10001 objects && install -d -o 10001 -g 10001 /var/lib/objects
COPY --from=build /out/versitygw /usr/local/bin/versitygw
USER 10001:10001
