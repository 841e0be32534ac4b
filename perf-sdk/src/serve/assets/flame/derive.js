// Trees that are made of a tree. `into` says at which node of the new tree a node of the old one
// counts; -1 for none.
Flame.derive = (() => {
  const { Builder } = Flame.model;

  const plain = tree => ({
    frame: tree.frame,
    parent: tree.parent,
    size: tree.size,
    into: Int32Array.from(tree.frame, (_, at) => at)
  });

  // A call of a function that runs already is part of that call.
  const recursion = tree => {
    const builder = new Builder(),
      into = new Int32Array(tree.size);
    for (let i = 1; i < tree.size; i++) {
      const frame = tree.frame[i];
      let at = into[tree.parent[i]];
      while (at > 0 && builder.frame[at] !== frame) at = builder.parent[at];
      into[i] = at > 0 ? at : builder.child(into[tree.parent[i]], frame);
    }
    return { ...builder.tree(), into };
  };

  // What a function calls, from its outermost call of each stack: so each sample counts once.
  const callees = (tree, frame) => {
    const builder = new Builder(),
      into = new Int32Array(tree.size).fill(-1);
    for (let i = 1; i < tree.size; i++) {
      const above = into[tree.parent[i]];
      if (above >= 0) into[i] = builder.child(above, tree.frame[i]);
      else if (tree.frame[i] === frame) into[i] = builder.child(0, frame);
    }
    return { ...builder.tree(), into };
  };

  // Who calls it: the same calls, with callers as children.
  const callers = (tree, frame) => {
    const builder = new Builder(),
      into = new Int32Array(tree.size).fill(-1);
    for (let i = 1; i < tree.size; i++) {
      const above = into[tree.parent[i]];
      if (above >= 0) {
        into[i] = above;
      } else if (tree.frame[i] === frame) {
        let at = builder.child(0, frame);
        for (let caller = tree.parent[i]; caller > 0; caller = tree.parent[caller])
          at = builder.child(at, tree.frame[caller]);
        into[i] = at;
      }
    }
    return { ...builder.tree(), into };
  };

  // One after the other.
  const after = (first, second) => ({
    ...second,
    into: first.into.map(at => (at < 0 ? -1 : second.into[at]))
  });

  return { plain, recursion, callees, callers, after };
})();
