# Functions of .ci/run.

step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@"
    printf '== %s: %s s, %s built\n' "$name" "$((SECONDS - start))" "$(du -sh "${CARGO_TARGET_DIR:-target}" 2> /dev/null | cut -f1)"
}

install_tools() {
    local missing=()
    command -v promtool > /dev/null || missing+=(prometheus)
    command -v chromium > /dev/null || missing+=(chromium)
    command -v go > /dev/null || missing+=(golang-go)
    command -v valgrind > /dev/null || missing+=(valgrind)
    command -v strace > /dev/null || missing+=(strace)
    command -v objcopy > /dev/null || missing+=(binutils)
    command -v node > /dev/null || missing+=(nodejs)
    command -v npm > /dev/null || missing+=(npm)
    if [ "${#missing[@]}" -gt 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
    fi
    python3 -c 'import prometheus_client, hdrh' 2> /dev/null || python3 -m pip install --quiet prometheus_client hdrhistogram
    install_packages_of_npm
    promtool --version 2>&1 | head -1
}

# Readers of profiles, beside what is built; tests find them by NODE_PATH.
install_packages_of_npm() {
    local folder=${CARGO_TARGET_DIR:-$PWD/target}/npm
    export NODE_PATH=$folder/node_modules
    if ! node -e "require('ajv'); require('pprof-format'); require('speedscope/package.json')" 2> /dev/null; then
        mkdir -p "$folder"
        npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error ajv@8.20.0 pprof-format@2.3.2 speedscope@1.25.0 > /dev/null
    fi
}

# What users get without asking: few crates, and none that breaks type inference.
check_tree() {
    local tree count
    tree=$(cargo tree -p perf-sdk -e normal --prefix none --no-dedupe | sed 's/ (.*//' | sort -u)
    count=$(printf '%s\n' "$tree" | wc -l)
    echo "$count crates"
    [ "$count" -lt 120 ] || { echo "the default tree must stay under 120 crates"; return 1; }
    if printf '%s\n' "$tree" | grep -q '^serde_json '; then
        echo "serde_json is in the default tree"
        return 1
    fi
    for name in $(printf '%s\n' "$tree" | cut -d' ' -f1); do
        grep -q "\`$name\`" docs/dependencies.md || { echo "$name is in the default tree, and not in docs/dependencies.md"; return 1; }
    done
    ! printf '%s\n' "$tree" | grep '^paste ' || { echo "paste is in the default tree, and nobody keeps it up"; return 1; }
}

# Known weaknesses and crates that nobody keeps up. The database is a Git repository, which not
# every machine can fetch.
check_advisories() {
    if ! command -v cargo-deny > /dev/null; then
        echo "SKIPPED: no cargo-deny; checked by hand: docs/dependencies.md"
    elif ! timeout 120 cargo deny fetch db 2> /dev/null; then
        echo "SKIPPED: the advisory database cannot be fetched; checked by hand: docs/dependencies.md"
    else
        cargo deny check advisories
    fi
}

# The recorder on one thread, its arena, histograms and index, as an interpreter that knows undefined behaviour runs them.
run_miri() {
    if ! cargo +nightly miri --version 2> /dev/null && ! rustup component add --toolchain nightly miri rust-src; then
        echo "SKIPPED: this machine has no nightly toolchain with miri"
        return
    fi
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" cargo +nightly miri test -p perf-sdk --no-default-features --features pool --lib \
        -- record:: histogram::page histogram::shard histogram::shared scope:: pool::arena::bins pool::buffer pool::bump pool::object pool::parts
}

# Leaks that were published: confirmed in the releases that have them, and none in those that do not.
run_leaks() {
    cargo run --quiet --target-dir target --manifest-path tests/leaks/leaky/Cargo.toml -- confirmed
    cargo run --quiet --target-dir target --manifest-path tests/leaks/fixed/Cargo.toml -- none
}

# One run on dhat's exact allocator: it writes its file.
run_exact() {
    local folder root=$PWD
    folder=$(mktemp -d)
    (cd "$folder" && cargo run --quiet --manifest-path "$root/Cargo.toml" -p perf-sdk-examples --example quickstart --features perf-sdk/dhat < /dev/null)
    grep -q '"dhatFileVersion": 2' "$folder/dhat-heap.json"
    rm -r "$folder"
}

# The examples that end by themselves, and what they must say.
run_examples() {
    local said
    said=$(cargo run --quiet --release --example leak_hunt)
    echo "$said"
    # Of four ways to hold memory only the leak is named, besides the cache that said what it may hold.
    grep -q "^  confirmed Service::request → Service::log_in" <<< "$said"
    [[ $(grep -c "^  \(confirmed\|suspect\)" <<< "$said") == 1 ]]
    cargo run --quiet --release --example arena
    cargo run --quiet --release --example pool
}
