// cli/version: the version from package.json, inserted by the bundler.
declare const WHP_VERSION: string;

export const VERSION: string = typeof WHP_VERSION === 'string' ? WHP_VERSION : 'development';
