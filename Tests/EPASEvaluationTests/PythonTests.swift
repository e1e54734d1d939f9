import Testing

@testable import EPASEvaluation
