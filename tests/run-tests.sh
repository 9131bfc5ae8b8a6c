# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `./run test` does; read by run, which sets these variables.
# shellcheck disable=SC2154

# The debug build with gcc: unit, fuzz, integration and style.
test_meson() {
  setup build -Dwerror=true
  compile build
  meson test -C build --no-rebuild --num-processes "$jobs" --print-errorlogs
}

# The same code built by clang, with address and undefined-behaviour sanitizers.
test_sanitizers() {
  CC=clang setup build-sanitizers -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
  compile build-sanitizers
  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 meson test -C build-sanitizers --no-rebuild --num-processes "$jobs" \
    --print-errorlogs --timeout-multiplier 3 --suite unit --suite fuzz --suite integration
}

# A real kernel with real USB, with the release build installed.
test_vm() {
  stage
  need_image
  "$python" tests/vm/run.py
}

run_tests() {
  local part failed=0 start=$SECONDS
  local parts=("$@")
  [ ${#parts[@]} -gt 0 ] || parts=(meson sanitizers vm)
  for part in "${parts[@]}"; do
    declare -F "test_$part" >/dev/null || die "no such part of the tests: $part; there are meson, sanitizers and vm"
  done
  need_debian test
  need_build_packages "${test_packages[@]}" "${vm_packages[@]}"
  rm -f build/meson-logs/testlog.json build-sanitizers/meson-logs/testlog.json build-release/vm-tests.json
  for part in "${parts[@]}"; do
    say "== $part"
    # In a shell of its own: set -e does not hold inside a condition.
    bash -e "$top/run" part "$part" || failed=1
  done
  echo "took $((SECONDS - start)) s"
  "$python" tests/summary.py "${parts[@]}" || failed=1
  return $failed
}
