use crate::snapshot::{
    ArenaAccount, BumpAccount, CallNode, Function, PoolAccount, PressureAccount, ROOT, Snapshot, Totals,
};

fn function(name: &str, calls: u64, wall_ns: u64) -> Function {
    let mut function = Function { name: name.into(), module: "m".into(), ..Function::default() };
    function.calls.ok = calls;
    function.wall.record(wall_ns, calls);
    function.inclusive.wall_ns = (calls * wall_ns) as i64;
    function
}

fn node(function: u32, parent: u32, calls: u64, wall_ns: i64) -> CallNode {
    let inclusive = Totals { wall_ns, ..Totals::default() };
    CallNode { function, parent, calls, samples: calls, inclusive, exclusive: inclusive, ..CallNode::default() }
}

fn snapshot(functions: Vec<Function>, tree: Vec<CallNode>) -> Snapshot {
    Snapshot { functions, tree, window_ns: 10, ..Snapshot::default() }
}

#[test]
fn a_window_holds_only_what_happened_in_it() {
    let early = snapshot(
        vec![function("idle", 5, 100), function("outer", 1, 1_000)],
        vec![node(1, ROOT, 1, 1_000), node(0, 0, 5, 500), node(0, ROOT, 2, 200)],
    );
    let late = snapshot(
        vec![function("fresh", 2, 10), function("idle", 5, 100), function("outer", 3, 1_000)],
        vec![node(2, ROOT, 3, 3_000), node(1, 0, 5, 500), node(0, 0, 2, 20), node(1, ROOT, 2, 200)],
    );
    let window = late.subtract(&early);
    let names: Vec<&str> = window.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["fresh", "outer"]);
    assert_eq!(window.functions[1].calls.ok, 2);
    assert_eq!(window.functions[1].wall.count(), 2);
    assert_eq!(window.tree, [node(1, ROOT, 2, 2_000), node(0, 0, 2, 20)]);
}

#[test]
fn early_and_window_make_late() {
    let early = snapshot(vec![function("a", 3, 50)], vec![node(0, ROOT, 3, 150)]);
    let mut late =
        snapshot(vec![function("a", 3, 50), function("b", 1, 7)], vec![node(0, ROOT, 3, 150), node(1, 0, 1, 7)]);
    late.window_ns = 25;
    let mut sum = early.clone();
    let mut window = late.subtract(&early);
    window.window_ns = 25;
    sum.merge(&window);
    assert_eq!(sum, late);
}

fn pool(name: &str, n: u64) -> PoolAccount {
    let counted =
        PoolAccount { taken: 9 * n, made: 8 * n, first: n, beyond: 2 * n, poisoned: 3 * n, ..Default::default() };
    let dropped = PoolAccount { unfit: 4 * n, surplus: 5 * n, trimmed: 6 * n, timeouts: 7 * n, ..counted };
    PoolAccount { name: name.into(), outstanding: 40 + n, idle: 50 + n, ..dropped }
}

fn holding(n: u64) -> Snapshot {
    let arena = ArenaAccount {
        name: "arena".into(),
        total_bytes: 100 * n,
        allocations: 10 * n,
        refused: 2 * n,
        refused_extents: 3 * n,
        exceeded_extents: 4 * n,
        allocated_bytes: 70 + n,
        high_water_bytes: 90 + n,
        active_bytes: 80 + n,
        hard_limit_bytes: Some(1_000),
        ..ArenaAccount::default()
    };
    let bump = BumpAccount {
        pool: pool("bump", n),
        used_bytes: 5 * n,
        held_bytes: 6 * n,
        high_water_bytes: 7 + n,
        idle_bytes: 8 + n,
    };
    let mut pressure =
        PressureAccount { reliefs: 2 * n, trimmed: 3 * n, used_bytes: 60 + n, limit_bytes: 100, ..Default::default() };
    pressure.pauses.record(1_000, n);
    Snapshot {
        arenas: vec![arena],
        pools: vec![pool("pool", n)],
        bumps: vec![bump],
        pressure: Some(pressure),
        ..Snapshot::default()
    }
}

#[test]
fn a_window_has_the_counts_and_the_final_figures_of_arenas_and_pools() {
    let window = holding(5).subtract(&holding(2));
    let (counted, now) = (holding(3), holding(5));
    let arena =
        ArenaAccount { allocated_bytes: 75, high_water_bytes: 95, active_bytes: 85, ..counted.arenas[0].clone() };
    assert_eq!(window.arenas, [arena]);
    let pool = PoolAccount { outstanding: 45, idle: 55, ..counted.pools[0].clone() };
    assert_eq!(window.pools, [pool]);
    let bump = BumpAccount {
        pool: PoolAccount { outstanding: 45, idle: 55, ..counted.bumps[0].pool.clone() },
        high_water_bytes: 12,
        idle_bytes: 13,
        ..counted.bumps[0].clone()
    };
    assert_eq!(window.bumps, [bump]);
    let (window, now) = (window.pressure.unwrap(), now.pressure.unwrap());
    assert_eq!((window.reliefs, window.trimmed, window.pauses.count()), (6, 9, 3));
    assert_eq!((window.used_bytes, window.limit_bytes), (now.used_bytes, now.limit_bytes));
    let fresh = holding(5).subtract(&Snapshot::default());
    assert_eq!((fresh.arenas, fresh.pools, fresh.bumps), (holding(5).arenas, holding(5).pools, holding(5).bumps));
}

#[test]
fn pools_of_the_same_name_are_added_up() {
    let mut sum = holding(3);
    sum.merge(&holding(4));
    let arena = ArenaAccount {
        allocated_bytes: 147,
        high_water_bytes: 94,
        active_bytes: 167,
        hard_limit_bytes: Some(2_000),
        ..holding(7).arenas[0].clone()
    };
    assert_eq!(sum.arenas, [arena]);
    assert_eq!(sum.pools, [PoolAccount { outstanding: 87, idle: 107, ..pool("pool", 7) }]);
    assert_eq!((sum.bumps.len(), sum.bumps[0].used_bytes, sum.bumps[0].pool.taken), (1, 35, 63));
    assert_eq!((sum.bumps[0].high_water_bytes, sum.bumps[0].idle_bytes), (11, 23));
    let pressure = sum.pressure.unwrap();
    assert_eq!((pressure.reliefs, pressure.pauses.count(), pressure.used_bytes), (14, 7, 64));
    let other = Snapshot { pools: vec![pool("another", 1)], ..Snapshot::default() };
    let mut sum = holding(3);
    sum.merge(&other);
    assert_eq!(sum.pools, [pool("another", 1), pool("pool", 3)]);
}

#[test]
fn a_snapshot_minus_itself_is_empty() {
    let all = snapshot(vec![function("a", 3, 50)], vec![node(0, ROOT, 3, 150)]);
    let none = all.subtract(&all);
    assert!(none.functions.is_empty() && none.tree.is_empty());
}
