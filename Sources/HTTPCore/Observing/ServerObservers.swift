/// Several observers as one: each is told in turn.
public struct ServerObservers: ServerObserver {
    private let observers: [any ServerObserver]

    /// One observer of several, told in this order.
    public init(_ observers: [any ServerObserver]) { self.observers = observers }

    public func connectionOpened() {
        for observer in observers { observer.connectionOpened() }
    }

    public func connectionClosed() {
        for observer in observers { observer.connectionClosed() }
    }

    public func requestEnded(_ summary: RequestSummary) {
        for observer in observers { observer.requestEnded(summary) }
    }

    public func refused(_ cause: RefusalCause) {
        for observer in observers { observer.refused(cause) }
    }
}
