// Our icons: drawn on a grid of 24, one stroke width. They never speak; the control beside does.

import type { ReactNode } from "react";

function icon(paths: ReactNode) {
  return function Icon({ size = 20 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.9}
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {paths}
      </svg>
    );
  };
}

const slash = <path d="M4 4l16 16" />;

export const MicrophoneIcon = icon(
  <>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.500a6.5 6.5 0 0 0 13 0M12 18v3" />
  </>,
);
export const MicrophoneOffIcon = icon(
  <>
    <path d="M15 9.500V6a3 3 0 0 0-5.8-1M9 9v2a3 3 0 0 0 4.5 2.600M5.5 11.500a6.5 6.5 0 0 0 10.8 4.900M18.5 11.500a6.5 6.5 0 0 1-.4 2.200M12 18v3" />
    {slash}
  </>,
);
export const CameraIcon = icon(
  <>
    <rect x="3" y="6.5" width="12.5" height="11" rx="2.5" />
    <path d="M15.5 11l5-3v8l-5-3" />
  </>,
);
export const CameraOffIcon = icon(
  <>
    <path d="M10 6.500h3a2.5 2.5 0 0 1 2.5 2.500v2l5-3v8M15.5 15.500A2.5 2.5 0 0 1 13 17.500H5.500A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.500h1" />
    {slash}
  </>,
);
export const ShareIcon = icon(
  <>
    <rect x="3" y="4.5" width="18" height="12" rx="2" />
    <path d="M9 20h6M12 13.500v-5.500M9.5 10.200L12 7.800l2.5 2.4" />
  </>,
);
export const ShareStopIcon = icon(
  <>
    <rect x="3" y="4.5" width="18" height="12" rx="2" />
    <path d="M9 20h6M10 8.500l4 4M14 8.500l-4 4" />
  </>,
);
export const RecordIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <circle cx="12" cy="12" r="3.5" fill="currentColor" stroke="none" />
  </>,
);
export const StopIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <rect x="9" y="9" width="6" height="6" rx="1" fill="currentColor" stroke="none" />
  </>,
);
export const PeopleIcon = icon(
  <>
    <circle cx="9" cy="8.5" r="3.2" />
    <path d="M3 19.500c.4-3.6 2.7-5.5 6-5.500s5.6 1.9 6 5.500M15.5 5.600a3.2 3.2 0 0 1 0 5.800M17.5 14.600c2 .7 3.2 2.4 3.5 4.9" />
  </>,
);
export const LinkIcon = icon(
  <path d="M10 14a4 4 0 0 0 5.7.3l3-3a4 4 0 0 0-5.7-5.700l-1 1M14 10a4 4 0 0 0-5.7-.3l-3 3a4 4 0 0 0 5.7 5.700l1-1" />,
);
export const CheckIcon = icon(<path d="M5 12.500l4.5 4.500L19 7.5" />);
export const LeaveIcon = icon(<path d="M10 4.500H6.500a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2H10M14.5 8l4 4-4 4M18 12H9.5" />);
export const EndIcon = icon(
  <path d="M3.5 14.800c-.6-1-.5-2.3.3-3.1 4.5-4.3 11.9-4.3 16.4 0 .8.8.9 2.1.3 3.100l-.8 1.200c-.4.6-1.2.9-1.9.6l-2.5-1c-.7-.3-1.1-1-1-1.700l.1-1c-1.6-.5-3.2-.5-4.8 0l.1 1c.1.7-.3 1.4-1 1.700l-2.5 1c-.7.3-1.5 0-1.9-.6z" />,
);
export const GearIcon = icon(
  <>
    <circle cx="12" cy="12" r="3" />
    <path d="M12 3v2.500M12 18.500V21M3 12h2.500M18.5 12H21M5.6 5.600l1.8 1.800M16.6 16.600l1.8 1.800M5.6 18.400l1.8-1.800M16.6 7.400l1.8-1.8" />
  </>,
);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4" />
  </>,
);
export const MoonIcon = icon(<path d="M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500z" />);
export const WarningIcon = icon(<path d="M12 4l9 15.500H3zM12 10v4.500M12 17.200v.1" />);
export const MoreIcon = icon(<path d="M5.5 12v.01M12 12v.01M18.5 12v.01" strokeWidth={3} />);
export const PreviousIcon = icon(<path d="M14.5 5.500L8 12l6.5 6.5" />);
export const NextIcon = icon(<path d="M9.5 5.500L16 12l-6.5 6.5" />);
export const CloseIcon = icon(<path d="M6 6l12 12M18 6L6 18" />);
export const DownloadIcon = icon(<path d="M12 4v11M7.5 11L12 15.5 16.5 11M5 20h14" />);
export const KeyboardIcon = icon(
  <>
    <rect x="2.5" y="6" width="19" height="12" rx="2" />
    <path d="M6.5 10v.01M10 10v.01M13.5 10v.01M17 10v.01M8 14h8" />
  </>,
);
export const SpeakerIcon = icon(<path d="M4 9.500v5h3.500L12 18.500v-13L7.5 9.500zM15.5 9a4 4 0 0 1 0 6M18 6.500a7.5 7.5 0 0 1 0 11" />);
