#!/usr/bin/env bash
# Checks what the compiler does not: format, declared imports, house rules.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift format lint --strict --recursive Sources Tests Fuzz Package.swift
EPAS_FUZZ=1 Scripts/check-imports
Scripts/check-house-rules
