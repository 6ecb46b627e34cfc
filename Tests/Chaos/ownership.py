"""Who worked on which shard and when, as the database's own triggers wrote it down."""

import collections

Change = collections.namedtuple("Change", "at job shard owner epoch")


class Ownership:
    def __init__(self, database):
        rows = database.ask("""select extract(epoch from at), job, shard, coalesce(new_owner::text, ''), epoch
                               from chaos.owner_change order by n""")
        self.changes = [Change(float(at), int(job), int(shard), owner, int(epoch)) for at, job, shard, owner, epoch in rows]
        self.replicas = {}
        for owner, pid in database.ask("select id::text, pid from chaos.replica_seen"):
            self.replicas.setdefault(int(pid), set()).add(owner)
        rows = database.ask("""select job, extract(epoch from at) from chaos.job_change
                               where new_state in ('completed', 'failed', 'cancelled', 'paused')""")
        self.ends = collections.defaultdict(list)
        for job, at in rows:
            self.ends[int(job)].append(float(at))

    def held_at(self, pid, moment):
        """The shards that a process held, with the number of the last change before."""
        owners, held = self.replicas.get(pid, set()), {}
        for change in self.changes:
            if change.at > moment:
                break
            held[change.job, change.shard] = change.owner
        return {place for place, owner in held.items() if owner in owners}

    def passed_on(self, pid, moment):
        """`(shard, when somebody else had it)` for each shard that was held and that still was work; None: never."""
        owners = self.replicas.get(pid, set())
        for place in sorted(self.held_at(pid, moment)):
            taken = next((c.at for c in self.changes
                          if c.at > moment and (c.job, c.shard) == place and c.owner and c.owner not in owners), None)
            ended = next((at for at in sorted(self.ends[place[0]]) if at > moment), None)
            if ended is None or (taken is not None and taken < ended):
                yield place, taken
