#!/usr/bin/env bash
# package.sh NAME... : packages of Debian or Ubuntu, on the system itself
. "$(dirname "$0")/suite.sh"
debian "$@"
