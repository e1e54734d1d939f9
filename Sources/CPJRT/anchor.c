// SwiftPM needs one source file to build a target that is otherwise headers.
