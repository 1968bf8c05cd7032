"""What all ChaLearn recordings share: the twenty Italian gestures."""

CLASS_NAMES = (
    "vattene", "vieniqui", "perfetto", "furbo", "cheduepalle", "chevuoi", "daccordo", "seipazzo", "combinato",
    "freganiente", "ok", "cosatifarei", "basta", "prendere", "noncenepiu", "fame", "tantotempo", "buonissimo",
    "messidaccordo", "sonostufo",
)  # fmt: skip
