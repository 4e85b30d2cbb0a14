// cli/version: the version, as package.json has it; the bundler puts it in.
declare const WHP_VERSION: string;

export const VERSION: string = typeof WHP_VERSION === 'string' ? WHP_VERSION : 'development';
