import HTTPCore
import HTTPTypes

extension RequestSummary {
    static func make(
        _ method: HTTPRequest.Method? = .get, route: String? = "/v1/jobs/{id}", path: String = "/v1/jobs/7",
        status: Int = 200, isComplete: Bool = true, requestBodyBytes: Int = 0, responseBytes: Int = 100,
        duration: Duration = .milliseconds(2)
    ) -> RequestSummary {
        RequestSummary(
            method: method, route: route, path: path, status: status, isComplete: isComplete,
            requestBodyBytes: requestBodyBytes, responseBytes: responseBytes, duration: duration, id: "abc",
            remoteAddress: "192.0.2.1")
    }
}
