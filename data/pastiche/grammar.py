"""The grammar of the pastiche: short scenes in the manner of a play about 1600. `pcfg.py` explains the notation.

A scene is a talk between two persons of a cast of twenty: ten ranks, each a man and a woman. Who speaks and who listens
is drawn once for a scene and then fixed, so that names, titles (sir, madam) and ranks agree from its first line to its
last. Within a sentence, pronouns and possessives agree in gender, and what is owned agrees in rank. In `far` 10 to 30
words stand between the two, none of which tells the gender or the rank. The genitive in "the king his crown" is no
slip: so they wrote.
"""

import pcfg

GENDERS = ["m", "f"]
RANKS = ["king", "prince", "duke", "lord", "husband", "father", "son", "man", "boy", "monk"]
PERSONS = [f"{gender}.{rank}" for rank in RANKS for gender in GENDERS]
FEATURES = {"$g": GENDERS, "$r": RANKS, "$p": PERSONS, "$q": PERSONS, "$i": list("1234"), "$j": list("1234")}

RULES = """
scene                                  # $p begins, $q answers
    2  <first.$p.$q> / <reply.$q.$p>
    4  <first.$p.$q> / <reply.$q.$p> / <reply.$p.$q>
    5  <first.$p.$q> / <reply.$q.$p> / <reply.$p.$q> / <reply.$q.$p>
    4  <first.$p.$q> / <reply.$q.$p> / <reply.$p.$q> / <reply.$q.$p> / <reply.$p.$q>
    2  <first.$p.$q> / <reply.$q.$p> / <reply.$p.$q> / <reply.$q.$p> / <reply.$p.$q> / <reply.$q.$p>

first.$p.$q
    1  <name.$p> : / <greeting.$q> / <speech.$p>

reply.$p.$q
    1  <name.$p> : / <answer.$q> / <speech.$p>

speech.$p
    3  <line.$p> / <line.$p>
    3  <line.$p> / <line.$p> / <line.$p>
    1  <line.$p> / <line.$p> / <line.$p> / <line.$p>

line.$p
    42 <tale.$g.$r>
    9  <far.$g.$r>
    4  <boast.$p>
    12 <clothing>
    13 <hurt>
    15 <vessel>
    7  <musing>

# To the one who listens

greeting.$g.$r
    2  good morrow , <sweet> <sir.$g> <noun.$g.$r> .
    2  well met , <sir.$g> <noun.$g.$r> , by <daytime> .
    2  <quality.$r> <noun.$g.$r> , <sir.$g> , <attend> .
    1  <sweet> <sir.$g> , <attend> .
    1  hail , thou <quality.$r> <noun.$g.$r> , and <attend> .

answer.$g.$r
    3  I thank thee , <quality.$r> <noun.$g.$r> .
    3  <yea> , <sir.$g> <noun.$g.$r> , <assent> .
    3  <quality.$r> <noun.$g.$r> , <sir.$g> , <assent> .
    1  <yea> , <sweet> <sir.$g> , <assent> .
    2  O <noun.$g.$r> , thy <thing.$r> <did> <delight> me .

boast.$g.$r
    2  I am thy <quality.$r> <noun.$g.$r> , and I <will> <deed.$r> <where> .
    1  when I was made a <noun.$g.$r> , / I vowed to guard my <thing.$r> .

# Of somebody else: rank and gender within few words of each other

tale.$g.$r
    4  <the> <noun.$g.$r> <his.$g> <thing.$r> <did> <vanish> <when> .
    4  our <quality.$r> <noun.$g.$r> , <he.$g> <did> <deed.$r> <where> .
    4  I <saw> <the> <quality.$r> <noun.$g.$r> <himself.$g> <deed.$r> <where> .
    3  no <quality.$r> <noun.$g.$r> but <he.$g> <did> <deed.$r> <when> .
    4  <the> <quality.$r> <noun.$g.$r> <kept> <his.$g> <thing.$r> <where> .
    3  <tell> the <noun.$g.$r> <he.$g> <did> <deed.$r> <when> , / or <his.$g> <thing.$r> will <vanish> .
    3  they gave <the> <quality.$r> <noun.$g.$r> <his.$g> <thing.$r> <when> , / and <he.$g> <did> <rejoice> .
    2  is that the <noun.$g.$r> <himself.$g> , / and are we come to see <his.$g> <thing.$r> ?

# Of somebody else: 10 to 30 words in between, and none of them tells

far.$g.$r
    3  <the> <noun.$g.$r> , whom <people> of <town> / did <follow> <through> , / hath <lost> <own.$g.$r> .
    2  <the> <noun.$g.$r> , <whom> / and <people> did <praise> <through> , / hath <lost> <own.$g.$r> .
    2  that <noun.$g.$r> of whom <people> <through> / <sang> , / must now forsake <own.$g.$r> .

own.$g.$r
    1  <his.$g> <thing.$r>
whom
    1  whom <people> did <follow>
sang
    1  did sing and all <town> <did> <praise>

# Families of words that stand where their like stand

clothing
    4  the <part> of <my> <garment> is <torn> .
    3  I <will> sew a <metal> <part.$i> and a <part.$j> upon <my> <garment> .
    3  the <tailor> <did> fix a <part> to <my> <garment> <when> .
    2  who hath stolen the <metal> <part> from <my> <garment> ?
    2  nor <part.$i> nor <part.$j> <did> hold <my> <garment> <when> .

hurt
    4  there is a <keen> <wound> within <my> <limb> .
    3  the <wound> in <my> <limb> <did> <grow> <when> .
    3  what <herb> can <ease> the <keen> <wound> of <my> <limb> ?
    3  I <suffer> <wound.$i> and <wound.$j> in every <limb> .
    2  a <wound> so <keen> <did> never <grow> in any <limb> .

vessel
    4  <fill> <my> <flask> with <cool> <drink> <where> .
    3  <bring> me a <flask> of <drink> <when> .
    3  <my> <flask> is <empty> , and the <drink> is <spent> .
    3  pour the <cool> <drink> from <my> <flask.$i> into <my> <flask.$j> .
    2  we have nor <drink.$i> nor <drink.$j> in <my> <flask> .

musing
    3  the <night> is <dark> and the <wind> is <wild> .
    3  now <did> the <bird> sing upon the <tree> <when> .
    3  <virtue> is but a <shadow> <where> , / and so is <virtue> too .
    2  what news from <town> , and what from <town> ?
    2  hast thou not heard the <bells> of <town> <when> ?
    2  if <virtue> be a <shadow> , then farewell <virtue> .

# Words that agree

he.m = he
he.f = she
his.m = his
his.f = her
himself.m = himself
himself.f = herself
sir.m = sir
sir.f = madam

noun.m.king = king
noun.f.king = queen
noun.m.prince = prince
noun.f.prince = princess
noun.m.duke = duke
noun.f.duke = duchess
noun.m.lord = lord
noun.f.lord = lady
noun.m.husband = husband
noun.f.husband = wife
noun.m.father = father
noun.f.father = mother
noun.m.son = son
noun.f.son = daughter
noun.m.man = man
noun.f.man = woman
noun.m.boy = boy
noun.f.boy = girl
noun.m.monk = monk
noun.f.monk = nun

name.m.king = Aldric
name.f.king = Ismene
name.m.prince = Florian
name.f.prince = Celestine
name.m.duke = Bertram
name.f.duke = Orsola
name.m.lord = Godwin
name.f.lord = Marian
name.m.husband = Tobias
name.f.husband = Winifred
name.m.father = Ambrose
name.f.father = Agatha
name.m.son = Lionel
name.f.son = Phoebe
name.m.man = Jasper
name.f.man = Joan
name.m.boy = Robin
name.f.boy = Nell
name.m.monk = Anselm
name.f.monk = Ursula

quality.king
    2  royal
    2  sovereign
    1  noble
quality.prince
    2  youthful
    2  princely
    1  noble
quality.duke
    2  haughty
    2  ducal
    1  noble
quality.lord
    2  courtly
    2  stately
    1  noble
quality.husband
    2  wedded
    2  constant
    1  loving
quality.father
    2  careful
    2  watchful
    1  loving
quality.son
    2  dutiful
    2  obedient
    1  loving
quality.man
    2  honest
    2  homely
    1  lowly
quality.boy
    2  merry
    2  nimble
    1  lowly
quality.monk
    2  holy
    2  cloistered
    1  lowly

deed.king = reign rule
deed.prince = joust dance
deed.duke = hunt hawk
deed.lord = feast dine
deed.husband = wed woo
deed.father = counsel bless
deed.son = obey kneel
deed.man = labour toil
deed.boy = play skip
deed.monk = pray fast

thing.king = crown throne
thing.prince = jewels charger
thing.duke = hounds falcon
thing.lord = manor banquet
thing.husband = ring vow
thing.father = children blessing
thing.son = parents inheritance
thing.man = trade bread
thing.boy = ball kite
thing.monk = beads psalter

# Words of families

part.1 = button
part.2 = buckle
part.3 = clasp
part.4 = ribbon
part
    1  <part.$i>
wound.1 = pain
wound.2 = ache
wound.3 = agony
wound.4 = sting
wound
    1  <wound.$i>
flask.1 = bottle
flask.2 = flask
flask.3 = jug
flask.4 = pitcher
flask
    1  <flask.$i>
drink.1 = water
drink.2 = wine
drink.3 = ale
drink.4 = cider
drink
    1  <drink.$i>

# All other words

the = the this that yonder
my = my thy our this
did = did doth may must shall might
will = will must shall would
saw = saw heard bade let watched
tell
    2  tell
    1  warn
    1  go and tell
    1  remind
ease = ease heal soothe cure
suffer = suffer bear feel endure
fill = fill replenish brim load
bring = bring fetch sell lend

garment = doublet cloak coat mantle jerkin sleeve hood glove cap waistcoat
metal = silver golden brazen pewter ivory velvet crimson
torn = torn broken undone loose missing faded frayed
tailor = tailor weaver pedlar glover seamstress draper
keen = sharp bitter cruel burning sudden grievous throbbing secret
limb = heart head breast side shoulder knee back throat elbow temple
grow = grow abide return increase linger waken
herb = physic herb charm balm syrup prayer
cool = cool sweet clear fresh spiced precious
empty = empty dry cracked hollow drained
spent = spent gone sour spilled finished
sweet = good sweet dear gentle kind worthy
yea = ay yea nay truly indeed
attend
    2  hear me
    1  lend me thine ear
    1  mark my words
    1  come nearer
    1  be not so sad
assent
    2  it is so
    1  I grant it freely
    1  thou speakest well
    1  I doubt it much
    1  so they say
delight = delight content amaze grieve offend
daytime
    1  the light of day
    1  this fair hour
    1  the evening star
    1  yonder moon
vanish = vanish perish fail decay tarry suffice prosper
kept = kept sold hid praised found missed loved
rejoice = rejoice weep laugh tremble sigh blush
lost = lost forgot betrayed renounced pawned mislaid
when
    2  to day
    2  at dawn
    2  this <sevenfold> <year>
    2  upon a <frozen> <morning>
    2  <before> the <lark> did <wake>
    1  in the dead of night
    1  upon the feast of fools
sevenfold = very same second hundredth
year = year month week winter
morning = morning evening midnight sabbath noon
before = before ere since until
lark = lark cock watchman moon bell
wake = wake rise call wane
where
    3  in <town>
    5  <beside> the <frozen> <river>
    1  within these walls
beside = beside beneath beyond behind near under
river = river bridge chapel mill oak garden tower market orchard gate
frozen = frozen stormy silent golden lonely ancient ruined peaceful misty fabled
town = Harrowmere Wexcombe Thornby Ellingham Saltmarsh Dunmoor Ravenholt Briarwick Oxley Fenbury
people
    2  the <weary> <pilgrims>
    1  all the <pilgrims>
weary = weary loyal ragged hopeful humble cunning idle
pilgrims = pilgrims soldiers merchants sailors scholars beggars ploughmen minstrels judges heralds
follow = follow serve seek escort attend
praise = praise honour remember defend bemoan
through
    2  over the <frozen> <hills>
    1  through the <frozen> <hills> and the <long> <winters>
    1  in every season of the year
hills = hills valleys forests waters meadows islands marshes
long = long dismal hungry joyful
winters = winters summers wars harvests
night = night morning season hour day forest
dark = dark long fearful still fair strange
wind = wind rain air sea sky thunder
wild = wild pale mild cold loud heavy
bird = owl raven nightingale thrush cuckoo wren
tree = elm willow thorn poplar rooftop steeple
bells = bells drums trumpets songs fables
virtue = love honour fortune beauty hope wisdom glory sorrow memory friendship
shadow = shadow candle dream feather bubble flower riddle stranger
"""

START = "<scene>"
PASTICHE = pcfg.read(RULES, FEATURES, different=[("$p", "$q"), ("$i", "$j")])
PROPER = {word for word in PASTICHE.words if word[0].isupper()}
PAIRS = [
    tuple(PASTICHE.rules[f"<noun.{gender}.{rank}>"][0][1][0] for gender in GENDERS) for rank in RANKS
]  # (king, queen), ...
