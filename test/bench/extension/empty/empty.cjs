// An extension that does nothing: what loading and activating it takes is VS Code's own.
exports.activate = () => {};
