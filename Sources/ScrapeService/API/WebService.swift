import HTTPCore

/// The whole contract as one responder.
enum WebService {
    static func router(_ context: APIContext) -> Router {
        var router = Router()
        JobRoutes(context: context).add(to: &router)
        PreviewRoutes(context: context).add(to: &router)
        ResultRoutes(context: context).add(to: &router)
        FileRoutes(context: context).add(to: &router)
        WordRoutes(context: context).add(to: &router)
        DeliveryRoutes(context: context).add(to: &router)
        HealthRoutes(context: context).add(to: &router)
        MetricsRoutes(context: context).add(to: &router)
        return router
    }

    static func responder(_ context: APIContext) -> any Responder {
        ProblemResponder(
            next: ExpiredJobResponder(next: router(context), context: context), logger: context.logger)
    }
}
