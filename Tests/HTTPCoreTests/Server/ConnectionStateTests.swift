import Testing

@testable import HTTPCore

@Suite struct ConnectionStateTests {
    private let start = LoopTime.now

    private func makeState(_ change: (inout ServerLimits) -> Void = { _ in }) -> ConnectionState {
        var limits = ServerLimits()
        limits.headerTimeout = .seconds(10)
        limits.idleTimeout = .seconds(75)
        limits.bodyTimeout = .seconds(20)
        limits.minBodyProgressBytes = 100
        limits.writeTimeout = .seconds(30)
        limits.halfCloseTimeout = .seconds(1)
        change(&limits)
        return ConnectionState(ConnectionState.Bounds(limits), now: start)
    }

    private func after(_ seconds: Int) -> LoopTime { start + Duration.seconds(seconds) }

    @Test("a connection that says nothing is closed when its first head is late")
    func silence() {
        var state = makeState()
        #expect(state.nextDeadline == after(10))
        state.awaitHead(hasBegun: false, now: after(3))
        #expect(state.expire(now: after(9)) == nil)
        #expect(state.expire(now: after(10)) == .close)
        #expect(state.expire(now: after(11)) == nil)
    }

    @Test("the first head's time runs from accept, and no byte renews it")
    func firstHead() {
        var state = makeState()
        state.awaitHead(hasBegun: true, now: after(5))
        state.awaitHead(hasBegun: true, now: after(9))
        #expect(state.expire(now: after(10)) == .refuseHead)
    }

    @Test("a later head's time runs from its first byte")
    func laterHead() {
        var state = makeState()
        state.beginRequest(keepsAlive: true)
        #expect(state.nextDeadline == nil)
        state.awaitHead(hasBegun: false, now: after(1))
        #expect(state.nextDeadline == after(76))
        state.awaitHead(hasBegun: true, now: after(50))
        #expect(state.nextDeadline == after(60))
        #expect(state.expire(now: after(60)) == .refuseHead)
    }

    @Test("an idle connection is closed")
    func idle() {
        var state = makeState()
        state.beginRequest(keepsAlive: true)
        state.awaitHead(hasBegun: false, now: after(1))
        #expect(state.expire(now: after(76)) == .close)
    }

    @Test("a body's time is renewed by enough bytes only, and does not run while nobody waits for it")
    func body() {
        var state = makeState()
        state.beginRequest(keepsAlive: true)
        state.awaitBody(now: after(0))
        state.endBodyWait(now: after(15))
        state.receiveBody(bytes: 10)
        #expect(state.nextDeadline == nil)
        state.awaitBody(now: after(100))
        #expect(state.nextDeadline == after(105))
        state.endBodyWait(now: after(104))
        state.receiveBody(bytes: 90)
        state.awaitBody(now: after(200))
        #expect(state.nextDeadline == after(220))
        #expect(state.expire(now: after(220)) == .failBody)
    }

    @Test("a client that takes nothing is cut off, whatever else is waited for")
    func write() {
        var state = makeState()
        state.beginRequest(keepsAlive: true)
        state.awaitBody(now: after(0))
        state.awaitWritable(now: after(0))
        #expect(state.nextDeadline == after(20))
        state.endBodyWait(now: after(10))
        #expect(state.expire(now: after(30)) == .abort)
        state.awaitWritable(now: after(31))
        state.endWritableWait()
        #expect(state.nextDeadline == nil)
    }

    @Test("a client that left has its handler cancelled once, and only while there is one")
    func clientLeft() {
        var state = makeState()
        state.clientEnded(now: after(0))
        #expect(state.nextDeadline == after(10))
        state.beginRequest(keepsAlive: true)
        state.clientEnded(now: after(0))
        state.clientEnded(now: after(5))
        #expect(state.expire(now: after(1)) == .cancelHandler)
        state.clientEnded(now: after(2))
        state.endRequest()
        #expect(state.expire(now: after(9)) == nil)
    }

    @Test("an answer ends the connection when the client, the drain or the count says so")
    func closing() {
        var state = makeState { $0.maxRequestsPerConnection = 2 }
        state.beginRequest(keepsAlive: true)
        #expect(!state.mustClose)
        state.beginRequest(keepsAlive: true)
        #expect(state.mustClose)
        var old = makeState()
        old.beginRequest(keepsAlive: false)
        #expect(old.mustClose && old.clientExpectsClose)
        var drained = makeState()
        drained.beginRequest(keepsAlive: true)
        #expect(drained.drain() == false)
        #expect(drained.mustClose && !drained.clientExpectsClose)
    }

    @Test("draining closes at once only what is between two requests")
    func drain() {
        var idle = makeState()
        #expect(idle.drain() == true)
        var partial = makeState()
        partial.awaitHead(hasBegun: true, now: start)
        #expect(partial.drain() == false)
    }

    @Test("lingering has a bound in time and one in bytes")
    func linger() {
        var state = makeState {
            $0.lingerTimeout = .seconds(2)
            $0.maxLingerBytes = 100
        }
        state.beginRefusal()
        state.linger(now: after(0))
        #expect(state.dropLingering(bytes: 100) == true)
        #expect(state.dropLingering(bytes: 1) == false)
        #expect(state.expire(now: after(2)) == .close)
    }

    @Test("a closed connection expects nothing any more")
    func closed() {
        var state = makeState()
        state.close()
        #expect(state.isClosed)
        #expect(state.nextDeadline == nil)
        #expect(state.expire(now: after(1000)) == nil)
    }
}
