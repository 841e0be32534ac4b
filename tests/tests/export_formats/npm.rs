//! Readers from npm: Datadog's `pprof-format`, and speedscope's own schema with `ajv`.

use perf_sdk::TraceContext;
use perf_sdk::export::{self, Weight};
use perf_sdk::snapshot::{Address, Code, CpuProfile, Frame, LoadedImage, SampledStack, SourceLine, WallProfile};

use super::sample;
use super::tools::{accepts, has};

const HOW: &str = "npm install pprof-format speedscope ajv, and set NODE_PATH to the folder";

/// Prints the first entry of the string table, the types, the default type and the period, then
/// every sample as `innermost<outer|values|labels`.
const PPROF: &str = r"
const { Profile } = require('pprof-format');
const { gunzipSync } = require('zlib');
const profile = Profile.decode(gunzipSync(require('fs').readFileSync(0)));
const text = number => profile.stringTable.strings[Number(number)];
const type = type => `${text(type.type)}/${text(type.unit)}`;
console.log(JSON.stringify(text(0)));
console.log(profile.sampleType.map(type).join(' '));
console.log(`${text(profile.defaultSampleType)} ${type(profile.periodType)} ${profile.period}`);
const functions = new Map(profile.function.map(f => [Number(f.id), f]));
const locations = new Map(profile.location.map(l => [Number(l.id), l]));
const mappings = new Set(profile.mapping.map(m => Number(m.id)));
for (const sample of profile.sample) {
  const names = sample.locationId.flatMap(id => {
    const location = locations.get(Number(id));
    if (Number(location.mappingId) && !mappings.has(Number(location.mappingId))) throw new Error('no mapping');
    return location.line.map(line => text(functions.get(Number(line.functionId)).name));
  });
  const labels = sample.label.map(label => `${text(label.key)}=${text(label.str)}`);
  console.log(`${names.join('<')}|${sample.value.join(' ')}|${labels.join(' ')}`);
}
const sums = profile.sampleType.map((_, at) => profile.sample.reduce((sum, sample) => sum + BigInt(sample.value[at]), 0n));
console.log(`sum ${sums.join(' ')}`);
";

/// Prints the sum of the weights, or why the document does not match the schema.
const SPEEDSCOPE: &str = r"
const Ajv = require('ajv').default;
const validate = new Ajv({ allErrors: true, strict: false }).compile(require('speedscope/dist/release/file-format-schema.json'));
const file = JSON.parse(require('fs').readFileSync(0));
if (!validate(file)) throw new Error(JSON.stringify(validate.errors));
const [profile] = file.profiles;
if (profile.samples.flat().some(frame => !file.shared.frames[frame])) throw new Error('no such frame');
if (profile.samples.length !== profile.weights.length) throw new Error('a weight for each sample');
const sum = profile.weights.reduce((sum, weight) => sum + weight, 0);
console.log(`${profile.unit} ${sum} ${profile.endValue} ${file.shared.frames.map(frame => frame.name).sort().join(' ')}`);
";

fn has_package(name: &str) -> bool {
    has("node", &["-e", &format!("require('{name}')")], HOW)
}

fn read(profile: &[u8]) -> String {
    accepts("node", &["-e", PPROF], profile)
}

fn line(function: &str, line: u32) -> SourceLine {
    let mut source = SourceLine::default();
    (source.function, source.file, source.line) = (function.into(), "src/a.rs".into(), line);
    source
}

/// A stack with an inlined call in a scope, and a stack without names.
fn samples() -> CpuProfile {
    let address = |at, lines| {
        let mut address = Address::default();
        (address.address, address.image, address.lines) = (at, Some(0), lines);
        address
    };
    let mut image = LoadedImage::default();
    (image.path, image.build_id) = ("/bin/shop".into(), "c0ffee".into());
    (image.start, image.end, image.base) = (0x5000, 0x9000, 0x4000);
    let mut code = Code::default();
    code.images = vec![image];
    code.addresses = vec![
        address(0x5010, vec![line("shop::inlined", 3), line("shop::öl::<'a>", 9)]),
        address(0x5020, vec![line("shop::main", 20)]),
        address(0x6000, vec![]),
    ];
    let mut scope = Frame::default();
    (scope.name, scope.module) = ("öl".into(), "shop".into());
    let stack = |addresses: &[u32], scope: Vec<Frame>, samples, cpu_ns| {
        let mut stack = SampledStack::default();
        (stack.addresses, stack.scope, stack.samples, stack.time_ns) = (addresses.to_vec(), scope, samples, cpu_ns);
        stack.thread = "worker".into();
        stack
    };
    let mut profile = CpuProfile::default();
    (profile.hz, profile.samples, profile.sampled_ns) = (100, 5, 5_000_000_000_000);
    (profile.taken_at_unix_ns, profile.window_ns) = (1_700_000_060_000_000_000, 10_000_000_000);
    profile.stacks = vec![stack(&[0, 1], vec![scope], 3, 4_990_000_000_001), stack(&[2], Vec::new(), 2, 9_999_999_999)];
    profile.code = code;
    profile
}

#[test]
fn pprof_format_reads_cpu_time() {
    if !has_package("pprof-format") {
        return;
    }
    let mut file = Vec::new();
    export::pprof::write_cpu(&samples(), &mut file).unwrap();
    let expected = [
        "\"\"",
        "samples/count cpu/nanoseconds",
        "cpu cpu/nanoseconds 10000000",
        "shop::inlined<shop::öl::<'a><shop::main|3 4990000000001|scope=shop::öl thread=worker",
        "shop+0x2000|2 9999999999|thread=worker",
        "sum 5 5000000000000",
        "",
    ];
    assert_eq!(read(&file), expected.join("\n"));
}

#[test]
fn pprof_format_reads_wall_time_and_labels() {
    if !has_package("pprof-format") {
        return;
    }
    let of_cpu = samples();
    let mut stack = SampledStack::default();
    (stack.samples, stack.time_ns, stack.off_cpu_ns, stack.thread) = (2, 20_000_000, 15_000_000, "worker".into());
    (stack.addresses, stack.labels) = (vec![1], vec![("tenant".into(), "acme".into())]);
    stack.trace = Some(TraceContext { trace_id: [0xab; 16], span_id: [0xcd; 8] });
    let mut profile = WallProfile::default();
    (profile.hz, profile.code, profile.stacks) = (100, of_cpu.code, vec![stack]);
    let read = |profile: &WallProfile| {
        let mut file = Vec::new();
        export::pprof::write_wall(profile, &mut file).unwrap();
        read(&file)
    };
    let types = "\"\"\nsamples/count wall/nanoseconds offcpu/nanoseconds\nwall wall/nanoseconds 10000000\n";
    let labels = format!("thread=worker tenant=acme trace_id={} span_id={}", "ab".repeat(16), "cd".repeat(8));
    let sums = "sum 2 20000000 15000000\n";
    assert_eq!(read(&profile), format!("{types}shop::main|2 20000000 15000000|{labels}\n{sums}"));
    let without = labels.replace(&format!(" trace_id={}", "ab".repeat(16)), "");
    assert_eq!(read(&profile.without_trace_ids()), format!("{types}shop::main|2 20000000 15000000|{without}\n{sums}"));
}

#[test]
fn pprof_format_reads_waits_for_locks() {
    if !has_package("pprof-format") {
        return;
    }
    for write in [export::pprof::write_mutex, export::pprof::write_block] {
        let mut file = Vec::new();
        write(&sample::snapshot(), &mut file).unwrap();
        let said = read(&file);
        assert!(said.starts_with("\"\"\ncontentions/count delay/nanoseconds\ndelay contentions/count 1\n"), "{said}");
        assert!(said.contains(" at src/") && !said.contains("sum 0"), "{said}");
    }
}

#[test]
fn pprof_format_reads_the_heap() {
    if !has_package("pprof-format") {
        return;
    }
    let mut file = Vec::new();
    let opens = export::pprof::Opens::InUse;
    export::pprof::write_heap(&sample::snapshot(), None, opens, &mut file).unwrap();
    let said = read(&file);
    let types = "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes";
    assert!(said.starts_with(&format!("\"\"\n{types}\ninuse_space space/bytes 524288\n")), "{said}");
    let nested = "shop::http::parse<shop::http::Server::handle|320 20971520 80 5242880|scope=shop::http::parse";
    let outside = "(no profiled scope)|1200 4000000 300 1000000|scope=(no profiled scope)";
    assert!(said.contains(nested) && said.contains(outside), "{said}");
    assert!(said.ends_with("sum 1524 27070720 381 6767680\n"), "{said}");
}

#[test]
fn pprof_format_reads_the_call_tree_and_running_calls() {
    if !has_package("pprof-format") {
        return;
    }
    let mut file = Vec::new();
    export::pprof::write_scopes(&sample::snapshot(), &mut file).unwrap();
    let said = read(&file);
    let types =
        "calls/count wall/nanoseconds cpu/nanoseconds off_cpu/nanoseconds alloc_objects/count alloc_space/bytes";
    assert!(said.starts_with(&format!("\"\"\n{types}\nwall calls/count 1\n")), "{said}");
    // An estimate that is slightly negative is written as zero.
    assert!(said.ends_with("sum 1013 9000000 4040000 5000000 34 10064\n"), "{said}");
    assert!(said.contains("|scope=shop::öl::<&'a [T; 2] as \"Quoted\\Trait\">::f;g, h \n"), "{said}");
    file.clear();
    export::pprof::write_running(&sample::snapshot(), &mut file).unwrap();
    let expected = "goroutine/count\ngoroutine goroutine/count 1\nshop::http::Server::handle|1|scope=shop::http::Server::handle kind=future\nsum 1\n";
    assert_eq!(read(&file), format!("\"\"\n{expected}"));
}

#[test]
fn speedscopes_schema_holds_for_calls_and_samples() {
    if !has_package("ajv") || !has_package("speedscope/package.json") {
        return;
    }
    let check = |file: &[u8]| accepts("node", &["-e", SPEEDSCOPE], file);
    for weight in Weight::ALL {
        let mut file = Vec::new();
        export::speedscope::write(&sample::snapshot(), weight, None, &mut file).unwrap();
        let said = check(&file);
        let [_, sum, end, ..] = said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
        assert_eq!(sum, end, "{weight}");
    }
    let mut file = Vec::new();
    export::speedscope::write_cpu(&samples(), None, &mut file).unwrap();
    let said = check(&file);
    assert!(said.starts_with("nanoseconds 5000000000000 5000000000000 "), "{said}");
    assert!(said.contains("shop::inlined") && said.contains("shop+0x2000"), "{said}");
}
