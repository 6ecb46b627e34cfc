import HTTPCore
import Logging

/// How the pages of one job are asked for and judged: by its runs, and by a preview of it.
struct JobPages: Sendable {
    let context: EngineContext
    let spec: JobSpec
    let headers: JobHeaders
    let logger: Logger

    init(_ spec: JobSpec, _ context: EngineContext, logger: Logger) {
        self.context = context
        self.spec = spec
        self.logger = logger
        headers = JobHeaders(spec, context.urls)
    }

    var userAgent: String { spec.fetch.userAgent ?? context.userAgent }
}
