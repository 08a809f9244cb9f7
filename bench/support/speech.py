"""How speech came through: `speech.py SAID.wav HEARD.wav` prints the median PESQ (ITU-T P.862.2, wideband: 1.02 to 4.64)
of windows of 8 seconds, each beside the part of SAID, which is said over and over, that it is most like.

Both files are 16-bit mono at 48 kHz.
"""

import sys
import wave

import numpy
from pesq import NoUtterancesError, pesq

FILE_HZ = 48_000
# What wideband PESQ works on.
RATE_HZ = 16_000
WINDOW = 8 * RATE_HZ
HOP = 4 * RATE_HZ
# Nothing that was said is heard.
LEAST = 1.02
# Taps of the filter before the rate goes down.
TAPS = 121


def read(path):
    with wave.open(path) as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        if form != (FILE_HZ, 1, 2):
            sys.exit(f"{path} is {form}, not 48 kHz, mono, 16 bits")
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    factor = FILE_HZ // RATE_HZ
    steps = numpy.arange(TAPS) - TAPS // 2
    low_pass = numpy.sinc(steps / factor) * numpy.hamming(TAPS) / factor
    return numpy.convolve(samples, low_pass, "same")[::factor]


def offset(said, window):
    """Where in `said`, read round and round, `window` is most likely from: the peak of their correlation."""
    spectrum = numpy.fft.rfft(said) * numpy.conj(numpy.fft.rfft(window, len(said)))
    return int(numpy.argmax(numpy.fft.irfft(spectrum, len(said))))


def score(said, window):
    if not numpy.any(window):
        return LEAST
    begin = offset(said, window)
    reference = numpy.take(said, range(begin, begin + len(window)), mode="wrap")
    try:
        return pesq(RATE_HZ, reference.astype("f4"), window.astype("f4"), "wb")
    except NoUtterancesError:
        return LEAST


def main(said_path, heard_path):
    said, heard = read(said_path), read(heard_path)
    last = len(heard) - WINDOW
    if last < 0 or len(said) < WINDOW:
        sys.exit("less than 8 seconds of sound")
    scores = [score(said, heard[begin : begin + WINDOW]) for begin in range(0, last + 1, HOP)]
    print(numpy.median(scores))


main(*sys.argv[1:])
