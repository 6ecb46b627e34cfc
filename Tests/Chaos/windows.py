"""From the timeline of a run: when was what broken, and for whom."""

import collections

# After its return the service has this long to be normal again.
RETURN_SECONDS = 5
# Clocks of two processes and a message on its way.
SLACK_SECONDS = 0.1
# Shorter absences of the database end no lease (10 s, trusted for 8, renewed every 3.3).
LEASE_LOSS_SECONDS = 4

Window = collections.namedtuple("Window", "start end kind replica agent")


class Windows:
    def __init__(self, events, incarnations, end):
        """`incarnations`: of all replicas, by pid; `end`: when the run was over."""
        self.events = sorted(events, key=lambda event: event["at"])
        self.agents = {i.pid: f"r{i.replica}.{i.number}" for i in incarnations}
        self.end = end
        self.down = self._down()
        self.unready = self._unready()
        self.frozen = self._pairs("freeze", "thaw")
        self.parted = self._pairs("part", "heal")
        self.away = self._away()

    def _pairs(self, first, last):
        found = []
        for number, event in enumerate(self.events):
            if event["kind"] == first:
                later = (e["at"] for e in self.events[number:] if e["kind"] == last and e["replica"] == event["replica"])
                found.append(Window(event["at"], next(later, self.end), first, event["replica"],
                                    self.agents.get(event.get("pid"))))
        return found

    def _until(self, number, replica, kind):
        return next((e["at"] for e in self.events[number:] if e["kind"] == kind and e["replica"] == replica), self.end)

    def _down(self):
        """From a kill or a SIGTERM until the replica's next process answers."""
        return [Window(e["at"], self._until(number, e["replica"], "up"), e["kind"], e["replica"], self.agents.get(e["pid"]))
                for number, e in enumerate(self.events) if e["kind"] in ("kill", "term")]

    def _unready(self):
        return [Window(e["at"], self._until(number, e["replica"], "ready"), e["kind"], e["replica"], None)
                for number, e in enumerate(self.events) if e["kind"] in ("kill", "term", "start")]

    def _away(self):
        found, since = [], None
        for event in self.events:
            if event["kind"] == "database_away":
                since = event["at"]
            elif event["kind"] == "database_back" and since is not None:
                found.append(Window(since, event["at"], "away", None, None))
                since = None
        return found + ([Window(since, self.end, "away", None, None)] if since is not None else [])

    def may_refuse(self, replica, began, ended):
        """Whether a 503 of this replica is allowed: without a database, and while it starts or stops."""
        windows = self.away + [w for w in self.parted + self.unready if w.replica == replica]
        return any(_meet(w, began, ended, after=RETURN_SECONDS) for w in windows)

    def may_be_cut(self, replica, began, ended):
        """Whether a connection to this replica may fail."""
        return any(_meet(w, began, ended) for w in self.down + self.unready if w.replica == replica)

    def able_seconds(self, start, end, but):
        """How much of a time the database was there and some replica other than `but` could take work over."""
        points = sorted({start, end, *(p for w in self._harm() for p in (w.start, w.end) if start < p < end)})
        able = 0.0
        for a, b in zip(points, points[1:]):
            middle = (a + b) / 2
            harmed = [w for w in self._harm() if w.start <= middle <= w.end]
            is_away = any(w.kind == "away" for w in harmed)
            others = {w.replica for w in harmed} | {but}
            if not is_away and len(others - {None}) < self.replicas:
                able += b - a
        return able

    @property
    def replicas(self):
        return 1 + max(int(agent[1:].split(".")[0]) for agent in self.agents.values())

    def _harm(self):
        # What came back has this long to find its way.
        stretched = [w._replace(end=w.end + RETURN_SECONDS) for w in self.away + self.parted]
        return stretched + self.unready + self.frozen

    def interruptions(self):
        """What may make a page be fetched again: it was in flight where a lease was lost."""
        lost = [w._replace(end=w.start) for w in self.down if w.kind == "kill"]
        lost += [w for w in self.down if w.kind == "term"]
        lost += self.frozen + [w._replace(end=w.end + RETURN_SECONDS) for w in self.parted]
        return lost + [w._replace(end=w.end + RETURN_SECONDS) for w in self.away if w.end - w.start > LEASE_LOSS_SECONDS]

    def explains(self, first, second):
        """The interruption between two requests for a page, if there was one that concerned either."""
        for window in self.interruptions():
            if window.start - SLACK_SECONDS > second.started or window.end + SLACK_SECONDS < first.started:
                continue
            mine = (first, second) if window.kind != "kill" else (first,)
            if window.kind == "away" or any(window.agent in (None, r.replica) and _index(r) == window.replica for r in mine):
                return window
        return None


def _index(request):
    return int(request.replica[1:].split(".")[0])


def _meet(window, began, ended, after=0.0):
    return window.start - SLACK_SECONDS <= ended and began <= window.end + after + SLACK_SECONDS
