export function workbenchFolder(): string;
export function chromiumPath(): string | undefined;
export function fontsAreThere(): boolean;
