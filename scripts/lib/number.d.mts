export function number(value: number): string;
