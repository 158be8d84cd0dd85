interface Battery extends EventTarget {
  readonly charging: boolean;
}

/** Tells at once and whenever it changes whether the machine runs on its battery, where the browser knows. */
export async function watchBattery(tell: (onBattery: boolean) => void): Promise<void> {
  const { getBattery } = navigator as { getBattery?: () => Promise<Battery> };
  if (getBattery === undefined) return;
  try {
    const battery = await getBattery.call(navigator);
    const say = (): void => {
      tell(!battery.charging);
    };
    battery.addEventListener("chargingchange", say);
    say();
  } catch {
    // A page that may not know goes on as on mains power.
  }
}
