/// Reads of the frontier, as deep as its pages may be for now; each but the first returns the pages to fetch.
extension JobRun {
    func readLevel() async throws {
        state.levelRead(try await context.store.level(lease))
    }

    func readFrontier(_ limit: Int, passingOver origins: [String]) async throws -> [QueuedPage] {
        let slice = try await context.store.frontier(
            lease, after: state.window.cursor, limit: limit, passingOver: origins, upTo: state.level)
        return state.frontierRead(slice)
    }

    func readOrigin(_ origin: String, after cursor: Int64, _ limit: Int) async throws -> [QueuedPage] {
        let slice = try await context.store.frontier(
            lease, of: origin, after: cursor, limit: limit, upTo: state.level)
        return state.originRead(origin, slice)
    }
}
