#!/bin/sh
exec podman "$@"
