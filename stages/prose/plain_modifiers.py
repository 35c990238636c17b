"""Plain adjectives and adverbs, and the literary or rarer ones that each can stand for; see plain_verbs.py."""

ADJECTIVES = """
afraid: frightened terrified
angry: enraged furious irate wrathful
asleep: dormant
aware: conscious
awkward: clumsy ungainly
back: rear
bad: abominable atrocious awful dire disagreeable dreadful foul hateful horrible horrid shocking terrible unpleasant
bad: vile
beautiful: exquisite gorgeous handsome lovely picturesque
big: bulky massive sizable
bitter: acrid
black: sable
bloody: gory
blue: azure
brave: bold courageous dauntless intrepid valiant
bright: brilliant lucent luminous lurid radiant resplendent vivid
broken: shattered
calm: placid serene tranquil
careful: cautious prudent wary
cheap: inexpensive
childish: infantile
city: urban
clear: apparent discernible distinct evident manifest obvious palpable perceptible plain unmistakable
close: intimate
cold: chill chilly frigid icy
common: frequent
complete: sheer utter
confusing: perplexing puzzling
constant: ceaseless continual incessant perpetual
country: rural rustic
crazy: crazed demented insane mad maniacal
creative: imaginative
cruel: vicious
curved: sinuous
damned: accursed damnable
dangerous: perilous treacherous
dark: dim dusky gloomy murky shadowy somber sombre tenebrous
dead: deceased lifeless
deadly: fatal lethal murderous
deep: bottomless profound
different: diverse
dirty: dingy dusty filthy grimy muddy sordid squalid unclean
disgusting: detestable loathsome nauseous noisome noxious repellent repulsive revolting
drunk: drunken intoxicated
early: primitive
east: easterly eastern
empty: blank deserted desolate vacant
endless: boundless eternal infinite interminable limitless
evil: baleful demoniac demoniacal devilish diabolic diabolical fiendish hellish infernal insidious malevolent malign
evil: malignant sinister unholy wicked
exact: precise
fair: decent
false: spurious
famous: celebrated illustrious renowned
far: distant faraway remote
fast: brisk rapid speedy swift
fat: corpulent plump portly stout
fierce: ferocious
fine: delicate
first: initial
foreign: exotic
formal: ceremonial
full: replete
gold: golden
good: excellent satisfactory
gray: greyish
great: glorious magnificent majestic marvellous marvelous noble splendid stately superb utmost wonderful wondrous
green: greenish verdant
happy: cheerful glad joyful joyous merry
hard: arduous laborious
hard to believe: incredible
heavy: ponderous weighty
hidden: clandestine covert furtive latent secret
high: elevated lofty shrill towering
holy: divine hallowed sacred
home: domestic
honest: honorable honourable
hopeful: expectant
hot: feverish fiery sultry
huge: colossal cyclopean enormous gargantuan gigantic immense monstrous prodigious stupendous titanic tremendous vast
human: anthropomorphic
important: momentous portentous significant vital
impossible: inconceivable unimaginable unthinkable
in sight: visible
inside: inner interior internal
kind: benevolent merciful
known: familiar
large: ample considerable extensive spacious voluminous
last: ultimate
later: subsequent
lazy: idle
like: akin analogous
likely: probable
lonely: solitary
long: lengthy lifelong prolonged
loud: deafening thunderous
loved: beloved
low: lowly
loyal: faithful
magic: magical
main: chief principal
many: countless innumerable myriad numerous
meaningless: senseless
mental: intellectual
metal: metallic
much: untold
naked: nude
near: adjacent nearby
needed: essential necessary requisite
new: fresh
next: ensuing
nice: agreeable charming delightful pleasant
night: nocturnal
normal: commonplace customary habitual ordinary routine usual
north: northerly northern
old: aged ancient antique archaic bygone hoary immemorial olden primeval primordial venerable
older: elder
only: sole
open: overt
other: opposite
outside: exterior external outer
painful: poignant
pale: pallid wan
permanent: enduring
physical: bodily corporeal
poor: hapless pathetic piteous pitiable pitiful unfortunate
quiet: noiseless silent soundless stealthy
raving: delirious
real: actual genuine tangible veritable
red: crimson reddish ruddy scarlet
restless: unquiet
rich: prosperous wealthy
right: appropriate fitting proper suitable
rotten: decayed putrid
rough: mountainous rugged violent
round: circular
sad: dismal mournful sorrowful tragic wistful
same: identical selfsame
scary: fearful fearsome frightful ghastly grisly gruesome macabre menacing ominous terrifying
sea: marine nautical
serious: earnest grave solemn
sharp: acute keen
short: brief fleeting momentary
sick: ill morbid
silly: absurd fanciful ludicrous preposterous ridiculous
sleepy: drowsy
slow: sluggish
small: diminutive miniature minor slight tiny
smart: clever cunning ingenious sagacious shrewd
smooth: sleek
soft: gentle
south: southerly southern
steep: precipitous
stiff: rigid
still: motionless
strange: bizarre cryptic curious eerie fantastic grotesque inexplicable mysterious odd quaint queer unaccountable
strange: uncanny unfamiliar weird
strong: intense mighty potent powerful robust sturdy
stupid: dumb foolish idiotic inane unwise
sudden: abrupt
thick: dense
thin: bony gaunt lean scant slender
tired: exhausted fatigued weary
top: topmost upper uppermost
troubling: disturbing
true: literal
ugly: hideous unsightly
underground: subterranean subterrene
unhappy: discontented
unknown: nameless
unsteady: rickety shaky
unsure: dubious uncertain
unusual: abnormal anomalous especial exceptional extraordinary peculiar rare remarkable singular
useless: futile
vague: hazy indefinite nebulous obscure
valuable: precious priceless
weak: faint feeble flimsy frail
west: westerly western
wet: clammy damp dank moist rainy sodden watery
whole: entire intact
wide: broad
wild: frantic frenzied savage
winding: tortuous
worn: shabby
worried: anxious apprehensive nervous uneasy
worthy: notable
wrong: erroneous
yellow: sallow yellowish
young: boyish youthful
"""

ADVERBS = """
a little: slightly somewhat
above: overhead
again: afresh anew
almost: nearly well-nigh
also: likewise moreover
always: continually incessantly perpetually
at once: forthwith immediately instantly
away: afar
back: backward backwards
clearly: distinctly evidently plainly
completely: altogether entirely totally utterly wholly
down: downward downwards
earlier: previously
easily: readily
east: eastward eastwards
everywhere: far-and-wide
exactly: precisely
finally: eventually ultimately
first: firstly
for good: forever
for the most part: chiefly generally mainly mostly principally
further: farther
hardly: scarce scarcely
in: inward inwards
in part: partly
later: afterward afterwards subsequently
maybe: mayhap perchance possibly
near: nigh
north: northward northwards
often: frequently oft oftentimes
on: onward onwards
once: formerly
only: merely solely
only just: barely
out: forth outward outwards
out loud: aloud
quickly: rapidly speedily swiftly
rarely: seldom
recently: lately latterly
so: therefore thus
sometimes: occasionally
somewhere else: elsewhere
soon: presently shortly
south: southward southwards
still: nevertheless nonetheless
two times: twice
up: aloft upward upwards
west: westward westwards
"""
