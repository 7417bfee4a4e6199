/** What the hooks use of React, for checking our own types where React is not installed. */
declare module "react" {
  export function useCallback<F>(callback: F, dependencies: readonly unknown[]): F;
  export function useEffect(effect: () => void | (() => void), dependencies?: readonly unknown[]): void;
  export function useMemo<T>(make: () => T, dependencies: readonly unknown[]): T;
  export function useRef<T>(initial: T): { current: T };
  export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, now: () => T, server?: () => T): T;
}
